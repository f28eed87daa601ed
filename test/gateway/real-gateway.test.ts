/** The harness of `npm run test:apisix`, with stand-ins in the place of the real gateway. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import { freePort } from '../support/free-port.ts';
import { shippedApisixYaml } from '../support/gateway.ts';
import { findRealGateway, startRealGateway } from '../support/real-gateway.ts';
import { startAdminStandIn } from './admin-api.ts';
import type { AdminStandIn } from './admin-api.ts';
import { startScriptedServer } from './scripted-server.ts';
import type { ScriptedServer } from './scripted-server.ts';
import { startStandInGateway } from './stand-in.ts';
import type { StandInGateway } from './stand-in.ts';

let admin: AdminStandIn;
let sidecar: ScriptedServer;
let provider: ScriptedServer;
let url: string;
let restarts = Promise.resolve();
let running: StandInGateway | undefined;

before(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  admin = await startAdminStandIn();
  sidecar = await startScriptedServer((_, response) => response.setHeader('authorization', 'Bearer secret').end());
  provider = await startScriptedServer();
  admin.changed = () => {
    const apisixYaml = `${JSON.stringify({ routes: [...admin.sent.values()] })}\n#END\n`;
    restarts = restarts.then(async () => {
      await running?.stop();
      running = await startStandInGateway({ apisixYaml, env: {}, port });
    });
  };
});
after(async () => {
  await restarts;
  await running?.stop();
  await Promise.all([admin.stop(), sidecar.stop(), provider.stop()]);
});

const options = () => ({
  apisixYaml: shippedApisixYaml(),
  env: { CREDENTIALFLOW_GATEWAY_KEY: 'gateway-key', CREDENTIALFLOW_LOG_KEY: 'log-key' },
  sidecar: sidecar.url,
  nodes: { openai: provider.url },
});
const real = () => ({ kind: 'admin' as const, url, adminUrl: admin.url, key: new Secret(admin.key) });

describe('a real gateway', () => {
  it('gets the routes of a test, with its sidecar and its provider, and loses them afterwards', async () => {
    const gateway = await startRealGateway(real(), options());
    assert.deepEqual([...admin.routes.keys()], ['openai', 'credentialflow-canary']);
    assert.equal((await fetch(`${gateway.url}/openai/v1/models`)).status, 200);
    assert.equal(provider.received.at(-1)?.headers.authorization, 'Bearer secret');
    const question = sidecar.received.findLast(({ url: asked }) => asked === '/api/auth');
    assert.equal(question?.headers['x-cf-gateway-key'], 'gateway-key');
    await gateway.stop();
    assert.equal(admin.routes.size, 0);
  });
  it('keeps a route of its own', async () => {
    const own = { id: 'openai', uri: '/mine' };
    admin.routes.set('openai', own);
    await assert.rejects(startRealGateway(real(), options()), /not of a test/);
    assert.deepEqual([...admin.routes], [['openai', own]]);
    admin.routes.clear();
  });
  it('that reads a file has it back as it was', async () => {
    const home = mkdtempSync(join(tmpdir(), 'credentialflow-apisix-'));
    try {
      const file = join(home, 'conf/apisix.yaml');
      mkdirSync(join(home, 'conf'));
      writeFileSync(file, 'routes: []\n#END\n');
      const found = findRealGateway({ APISIX_HOME: home, APISIX_URL: sidecar.url });
      assert.deepEqual(found, { kind: 'file', url: sidecar.url, file });
      // The sidecar answers every path with 200, as a gateway does that took the routes.
      const gateway = await startRealGateway(found, options());
      assert.match(readFileSync(file, 'utf8'), /"id":"openai".*credentialflow-canary/);
      await gateway.stop();
      assert.equal(readFileSync(file, 'utf8'), 'routes: []\n#END\n');
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
  it('is named whole or not at all', () => {
    assert.equal(findRealGateway({}), undefined);
    assert.throws(() => findRealGateway({ APISIX_URL: url }), /APISIX_ADMIN_URL or APISIX_HOME/);
    assert.throws(() => findRealGateway({ APISIX_ADMIN_URL: url }), /APISIX_ADMIN_KEY/);
  });
});
