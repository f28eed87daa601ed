import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Secret } from '../../../sidecar/core/secret.ts';
import { environmentWiring } from '../../../sidecar/gateway/render/wiring.ts';
import { createAdminTarget } from '../../../sidecar/gateway/sync/admin-target.ts';
import { createGatewayAdmin } from '../../../sidecar/gateway/sync/gateway-admin.ts';
import type { SyncTarget } from '../../../sidecar/gateway/sync/target.ts';
import { createHttpClient } from '../../../sidecar/ops/http-client.ts';
import { startAdminStandIn } from '../admin-api.ts';
import type { AdminStandIn } from '../admin-api.ts';
import { configured, elaborate } from '../render/support.ts';

const two = 'upstreams: [{ id: a, preset: openai }, { id: b, preset: gemini }]';

let gateway: AdminStandIn;
let target: SyncTarget;
let http: ReturnType<typeof createHttpClient>;
beforeEach(async () => {
  gateway = await startAdminStandIn();
  http = createHttpClient();
  const admin = createGatewayAdmin({ url: gateway.url, key: new Secret(gateway.key) }, { http });
  target = createAdminTarget({ name: 'here' }, { admin });
});
afterEach(async () => {
  await http.close();
  await gateway.stop();
});

async function sync(resources: string) {
  const configuration = configured(resources, environmentWiring);
  return target.apply(await target.plan(configuration), configuration);
}

describe('the Admin API', () => {
  it('has every wish after a sync, and a second plan has no step', async () => {
    assert.deepEqual(await sync(elaborate), { done: true });
    const { steps, inStep } = await target.plan(configured(elaborate, environmentWiring));
    assert.deepEqual([steps, inStep.length], [[], 4]);
  });
  it('holds the keys as references only', async () => {
    await sync(two);
    assert.match(JSON.stringify(gateway.routes.get('a')), /"X-CF-Gateway-Key":"\$env:\/\/CREDENTIALFLOW_GATEWAY_KEY"/);
  });
  it('is as it was after a step that failed', async () => {
    await sync(two);
    const count = gateway.sent.size;
    gateway.fault = (method) => (method === 'DELETE' ? 500 : undefined);
    const outcome = await sync('upstreams: [{ id: a, preset: openai, prefix: /other }]');
    assert.ok(!outcome.done);
    // The removal may have happened: it is put back like the change.
    assert.deepEqual([outcome.failed, outcome.rolledBack, outcome.left], ['b', ['b', 'a'], []]);
    assert.match(outcome.reason, /500: a fault of the test/);
    const [[, a] = []] = [...gateway.sent];
    assert.equal(a?.['uri'], '/a/*');
    assert.equal(gateway.sent.size, count);
  });
  it('is not believed where it does not answer as one', async () => {
    const deaf = createGatewayAdmin(
      { url: 'http://127.0.0.1:1', key: new Secret('k') },
      { http: { request: () => Promise.resolve({ status: 200, text: '<html>', json: undefined }) } },
    );
    await assert.rejects(deaf.list(), /does not answer as an Admin API/);
    const page = { status: 401, text: '<html>401</html>', json: undefined };
    const proxied = createGatewayAdmin(
      { url: 'http://127.0.0.1:1', key: new Secret('k') },
      { http: { request: () => Promise.resolve(page) } },
    );
    await assert.rejects(proxied.list(), { name: 'GatewayRefusal', message: '401' });
  });
});
