/** `apisix sync` and `diff` against the Admin API of a real gateway. Run by `npm run test:apisix`. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { idOf, isManaged } from '../../sidecar/gateway/sync/plan.ts';
import { createGatewayAdmin } from '../../sidecar/gateway/sync/gateway-admin.ts';
import { createHttpClient } from '../../sidecar/ops/http-client.ts';
import { createFakeTerminal } from '../cli/fake-terminal.ts';
import { elaborate } from '../gateway/render/support.ts';
import { findRealGateway } from '../support/real-gateway.ts';

const gateway = findRealGateway(process.env);
if (gateway?.kind !== 'admin') throw new Error('run it by `npm run test:apisix`, with APISIX_ADMIN_URL');
const target = { url: gateway.adminUrl, key: gateway.key };

describe('apisix sync at a real gateway', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'credentialflow-real-'));
  const http = createHttpClient();
  const admin = createGatewayAdmin(target, { http });
  let clean = false;

  const run = async (command: string, resources: string, ...more: readonly string[]) => {
    writeFileSync(join(cwd, 'r.yaml'), resources);
    const env = { APISIX_ADMIN_KEY: target.key.reveal(), APISIX_ADMIN_URL: target.url };
    const terminal = createFakeTerminal({ cwd, env });
    const code = await runProgram(['apisix', command, '-f', 'r.yaml', ...more], terminal);
    return { code, said: terminal.written.out + terminal.written.err };
  };
  before(async () => {
    const ours = (await admin.list()).filter(isManaged).map(idOf);
    assert.deepEqual(ours, [], 'the gateway has routes with our label, which sync would remove: not here');
    clean = true;
  });
  after(async () => {
    if (clean) for (const route of await admin.list()) if (isManaged(route)) await admin.remove(idOf(route));
    await http.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('takes every wish that a resource can have, and is in step with what the gateway made of it', async () => {
    const { code, said } = await run('sync', elaborate, '--yes');
    assert.equal(code, 0, said);
    const diff = await run('diff', elaborate);
    assert.equal(diff.code, 0, diff.said);
  });
  it('sees a change, does it, and removes what is gone', async () => {
    const other = 'upstreams: [{ id: openai, preset: openai, prefix: /other }]\n';
    assert.equal((await run('diff', other)).code, 5);
    assert.equal((await run('sync', other, '--yes')).code, 0);
    const ids = (await admin.list()).filter(isManaged).map(idOf);
    assert.deepEqual(ids.sort(), ['credentialflow-token-self', 'openai']);
  });
  it('takes nothing where the gateway would refuse one', async () => {
    const before = JSON.stringify(await admin.list());
    await assert.rejects(admin.check({ id: 'x', uri: '/x', plugins: { 'forward-auth': {} } }));
    assert.equal(JSON.stringify(await admin.list()), before);
  });
});
