import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startRecordingServer } from '../../sidecar/ops/recording-server.ts';
import type { RecordingServer } from '../../sidecar/ops/recording-server.ts';
import { createVerbatimClient } from '../../sidecar/ops/verbatim-client.ts';

describe('the verbatim client and the recording server', () => {
  let server: RecordingServer;
  before(async () => {
    server = await startRecordingServer({ host: '127.0.0.1', port: 0 }, ({ target }) => ({
      status: target.startsWith('/no') ? 403 : 200,
      headers: { 'x-seen': target },
      body: 'heard',
    }));
  });
  after(() => server.stop());
  const client = () => createVerbatimClient({ origin: `http://127.0.0.1:${server.port}`, timeoutMs: 10_000 });

  it('send and record paths and headers byte for byte, repeated ones too, over one connection', async () => {
    const caller = client();
    const targets = ['/a/../b', '/a/%2e%2e//b', '/a%2Fb?x=%20', '/a\\b;c', '/no'];
    for (const target of targets) {
      const headers = [
        ['X-Twice', 'one'],
        ['x-twice', 'two'],
      ] as const;
      const { status, headers: answered, body } = await caller.send({ method: 'DELETE', target, headers });
      assert.deepEqual([status, answered['x-seen'], body], [target === '/no' ? 403 : 200, target, 'heard']);
    }
    caller.close();
    assert.deepEqual(
      server.received.map(({ target, method }) => `${method} ${target}`),
      targets.map((target) => `DELETE ${target}`),
    );
    const twice = server.received[0]?.headers.filter(([name]) => name.toLowerCase() === 'x-twice');
    assert.deepEqual(twice, [
      ['X-Twice', 'one'],
      ['x-twice', 'two'],
    ]);
    assert.equal(new Set(server.received.map(({ connection }) => connection)).size, 1);
  });
  it('tell connections apart', async () => {
    const before = new Set(server.received.map(({ connection }) => connection)).size;
    for (const caller of [client(), client()]) {
      await caller.send({ method: 'GET', target: '/', headers: [] });
      caller.close();
    }
    assert.equal(new Set(server.received.map(({ connection }) => connection)).size, before + 2);
  });
  it('say who does not answer, and where nobody can listen, without what was sent', async () => {
    const caller = createVerbatimClient({ origin: 'http://127.0.0.1:1', timeoutMs: 10_000 });
    await assert.rejects(
      caller.send({ method: 'GET', target: '/secret', headers: [] }),
      /^CredentialFlowError: no answer from http:\/\/127\.0\.0\.1:1: ECONNREFUSED$/,
    );
    await assert.rejects(
      startRecordingServer({ host: '127.0.0.1', port: server.port }, () => ({ status: 200 })),
      /cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE/,
    );
  });
});
