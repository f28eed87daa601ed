import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createHttpClient } from '../../sidecar/ops/http-client.ts';
import { createGuardedLookup, createPrivateAddressCheck } from '../../sidecar/ops/private-addresses.ts';

const isPrivate = createPrivateAddressCheck();

describe('an address that is no public place', () => {
  const privates = [
    '127.0.0.1', '127.255.0.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1',
    '169.254.169.254', '100.64.0.1', '100.100.100.200', '224.0.0.1', '255.255.255.255', '198.18.0.1', '192.0.0.192',
    '::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '::ffff:127.0.0.1',
    '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '2002:7f00:1::', '::127.0.0.1', 'localhost', '',
  ]; // prettier-ignore
  for (const address of privates) it(`is ${address}`, () => assert.ok(isPrivate(address)));

  const publics = ['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.255.255', '192.169.0.1', '2606:4700::1111'];
  for (const address of publics) it(`is not ${address}`, () => assert.ok(!isPrivate(address)));
});

describe('a client for public places', () => {
  it('reaches no loopback server, by whatever name, and asks it nothing', async (t) => {
    let requests = 0;
    const server = createServer((_req, res) => {
      requests += 1;
      res.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const guarded = createHttpClient({ publicOnly: true });
    const open = createHttpClient();
    t.after(async () => {
      server.close();
      await guarded.close();
      await open.close();
    });
    const hosts = [
      '127.0.0.1',
      'localhost',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '0',
    ];
    for (const host of hosts) {
      await assert.rejects(
        guarded.request({ method: 'GET', url: `http://${host}:${port}/` }),
        /private, link-local/,
        host,
      );
    }
    assert.equal(requests, 0);
    assert.equal((await open.request({ method: 'GET', url: `http://127.0.0.1:${port}/` })).status, 200);
  });

  it('follows no redirect, so that none leads there', async (t) => {
    const server = createServer((_req, res) => res.writeHead(302, { location: 'http://169.254.169.254/' }).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = createHttpClient();
    t.after(async () => {
      server.close();
      await client.close();
    });
    const { port } = server.address() as AddressInfo;
    assert.equal((await client.request({ method: 'GET', url: `http://127.0.0.1:${port}/` })).status, 302);
  });

  it('takes a name by what it resolves to, each time anew, and by all of that', async () => {
    const answers: string[][] = [];
    const guarded = createGuardedLookup(isPrivate, (_host, _options, answer) => {
      answer(
        null,
        (answers.shift() ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    });
    const reached = (): Promise<unknown> =>
      new Promise((resolve) => {
        guarded('metadata.example.test', { all: true }, (error, found) => {
          resolve(error === null ? found : 'refused');
        });
      });
    const isGood = [{ address: '93.184.216.34', family: 4 }];
    answers.push(
      ['93.184.216.34'],
      ['169.254.169.254'],
      ['10.0.0.5'],
      ['fd00:ec2::254'],
      ['93.184.216.34', '127.0.0.1'],
      [],
    );
    assert.deepEqual(await reached(), isGood);
    for (let left = answers.length; left > 0; left--) assert.equal(await reached(), 'refused');
  });

  it('takes no name that leads to a private address as well', async () => {
    const guarded = createGuardedLookup((address) => address === '::1' || address.startsWith('127.'));
    for (const all of [true, false]) {
      const error = await new Promise<Error | null>((resolve) => {
        guarded('localhost', { all }, resolve);
      });
      assert.ok(error !== null);
    }
  });
});
