import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { listen } from '../../sidecar/http/listen.ts';
import { createOpsServer } from '../../sidecar/http/ops-server.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { createMetrics } from '../../sidecar/ops/metrics.ts';
import { recordingLog, type RecordingLog } from '../support/recording-log.ts';

it('answers metrics, health and readiness, and nothing else', async (t) => {
  const { url } = await start(t, createMetrics({ version: '9.9.9' }));
  const metrics = await fetch(`${url}/metrics`);
  assert.equal(metrics.status, 200);
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(await metrics.text(), /^credentialflow_build_info\{version="9\.9\.9",node="v\d+\.[^"]+"\} 1$/m);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 503);
  assert.equal((await fetch(`${url}/api/auth`)).status, 404);
  const posted = await fetch(`${url}/metrics`, { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
});

it('says so in the log when the metrics cannot be laid out', async (t) => {
  const { url, log } = await start(t, { contentType: 'text/plain', exposition: () => Promise.reject(new Error('no')) });
  const answer = await fetch(`${url}/metrics`);
  assert.equal(answer.status, 500);
  assert.deepEqual(log.events(), ['metrics_failed']);
});

async function start(
  t: TestContext,
  metrics: Parameters<typeof createOpsServer>[1]['metrics'],
): Promise<{ readonly url: string; readonly log: RecordingLog }> {
  const log = recordingLog();
  const { server } = createOpsServer({}, { metrics, readiness: () => ({ ready: false, reasons: ['starting'] }), log });
  const listener = await listen(server, { kind: 'tcp', host: '127.0.0.1', port: 0 }, {}, { clock: systemClock });
  t.after(() => listener.drain(0));
  return { url: `http://${listener.address}`, log };
}
