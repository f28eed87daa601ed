/** Listeners with TLS: the real sidecar, the command line, client certificates, and renewal without a restart. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { createHardenedServer } from '../../sidecar/http/hardened-server.ts';
import { makeTlsServer } from '../../sidecar/http/tls-server.ts';
import { makeCertificates, type Certificates } from '../support/certificates.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { connectRaw } from '../support/raw-connection.ts';
import { recordingLog } from '../support/recording-log.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

/** The status of the answer; rejects where there is none. */
async function ask(url: string, options: RequestOptions): Promise<number | undefined> {
  const asked = request(url, { agent: false, ...options });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [{ readonly statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

describe('a sidecar whose listeners speak TLS', () => {
  let certificates: Certificates;
  let sidecar: RunningSidecar;
  let ca: string;
  before(async () => {
    certificates = makeCertificates();
    const { path } = certificates;
    ca = readFileSync(path('ca.pem'), 'utf8');
    const identity = (door: string) => ({
      [`CREDENTIALFLOW_${door}_TLS_CERT`]: path('server.pem'),
      [`CREDENTIALFLOW_${door}_TLS_KEY`]: path('server.key'),
    });
    sidecar = await startSidecar({
      env: {
        ...identity('DATA'),
        ...identity('ADMIN'),
        ...identity('METRICS'),
        CREDENTIALFLOW_ADMIN_TLS_CLIENT_CA: path('stranger.pem'),
        CREDENTIALFLOW_METRICS_TLS_CLIENT_CA: path('stranger.pem'),
        CREDENTIALFLOW_CLIENT_CERT: path('client.pem'),
        CREDENTIALFLOW_CLIENT_KEY: path('client.key'),
        NODE_EXTRA_CA_CERTS: path('ca.pem'),
      },
    });
  });
  after(async () => {
    await sidecar.stop();
    certificates.remove();
  });

  it('is administered by the command line, which checks the certificate and shows its own', async () => {
    assert.match(sidecar.urls.admin, /^https:/);
    assert.equal((await sidecar.json(['status']))['ready'], true);
    assert.equal((await sidecar.cli(['health'])).code, 0);
    assert.match(sidecar.stderr(), /decisions https:\/\/127/);
    const wary = await startSidecar({
      env: {
        CREDENTIALFLOW_ADMIN_TLS_CERT: certificates.path('server.pem'),
        CREDENTIALFLOW_ADMIN_TLS_KEY: certificates.path('server.key'),
      },
    });
    const refused = await wary.cli(['status']).finally(() => wary.stop());
    assert.equal(refused.code, 3, 'nobody vouches for this authority');
  });

  it('answers over TLS, and plain HTTP not at all', async () => {
    assert.equal(await ask(`${sidecar.urls.data}/readyz`, { ca }), 200);
    const plain = await connectRaw({ port: Number(new URL(sidecar.urls.data).port) });
    plain.send('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.doesNotMatch(await plain.closed(), /HTTP\/1\.1/);
    assert.equal(await ask(`${sidecar.urls.data}/readyz`, { ca }), 200);
  });

  it('takes clients with a certificate of the named authority, and no others', async () => {
    await assert.rejects(ask(`${sidecar.urls.admin}/api/v1/status`, { ca }));
    const url = `${sidecar.urls.metrics}/metrics`;
    const client = (name: string) => ({
      cert: readFileSync(certificates.path(`${name}.pem`)),
      key: readFileSync(certificates.path(`${name}.key`)),
    });
    assert.equal(await ask(url, { ca, ...client('client') }), 200);
    await assert.rejects(ask(url, { ca }));
    await assert.rejects(ask(url, { ca, ...client('server') }), 'another authority signed that');
  });
});

it('gives a renewed certificate to new connections, and keeps the old one while the files are wrong', async (t) => {
  const certificates = makeCertificates();
  t.after(() => certificates.remove());
  const files = { cert: certificates.path('server.pem'), key: certificates.path('server.key'), clientCa: undefined };
  const clock = createFakeClock();
  const log = recordingLog();
  const makeServer = makeTlsServer({ listener: 'data', files }, { clock, log });
  const server = createHardenedServer((_req, res) => res.end(), undefined, { makeServer });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const serial = async (): Promise<string> => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(certificates.path('ca.pem')) });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };

  const first = await serial();
  clock.advance(30_000);
  assert.deepEqual(log.events(), []);

  const good = readFileSync(files.cert);
  writeFileSync(files.cert, good.subarray(0, 100));
  clock.advance(60_000);
  assert.deepEqual(log.events(), ['certificate_not_renewed'], 'said once');
  assert.equal(await serial(), first);

  certificates.renewServer();
  clock.advance(30_000);
  assert.deepEqual(log.events(), ['certificate_not_renewed', 'certificate_renewed']);
  assert.notEqual(await serial(), first);
});

it('does not start with files that are no certificate and its key, and says which', async (t) => {
  const certificates = makeCertificates();
  t.after(() => certificates.remove());
  const { path } = certificates;
  for (const [key, message] of [
    ['client.key', /server\.pem and .*client\.key are no certificate and its key/],
    ['none.key', /none\.key cannot be read/],
  ] as const) {
    const files = { cert: path('server.pem'), key: path(key), clientCa: undefined };
    const deps = { clock: createFakeClock(), log: recordingLog() };
    assert.throws(() => makeTlsServer({ listener: 'data', files }, deps), message);
  }
});
