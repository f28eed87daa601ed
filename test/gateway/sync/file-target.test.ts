import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { standalone } from '../../../sidecar/gateway/render/formats/standalone.ts';
import { createFileTarget } from '../../../sidecar/gateway/sync/file-target.ts';
import { configured, elaborate, formatOptions, rendered } from '../render/support.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-file-'));
after(() => rmSync(home, { recursive: true, force: true }));

const targetOf = (name: string) => createFileTarget({ name, path: join(home, name), format: formatOptions });
const configuration = configured(elaborate, standalone.wiring);

describe('the file of a standalone gateway', () => {
  it('becomes what render writes, and then there is nothing to do', async () => {
    const target = targetOf('apisix.yaml');
    const plan = await target.plan(configuration);
    assert.equal(plan.steps.length, 4);
    assert.deepEqual(await target.apply(plan, configuration), { done: true });
    assert.equal(readFileSync(join(home, 'apisix.yaml'), 'utf8'), rendered(elaborate, standalone));
    assert.deepEqual((await target.plan(configuration)).steps, []);
  });
  it('that got a route of somebody else after the plan is left as it is', async () => {
    const target = targetOf('shared.yaml');
    const plan = await target.plan(configuration);
    const theirs = 'routes: [{ id: legacy, uri: /legacy }]\n#END\n';
    writeFileSync(join(home, 'shared.yaml'), theirs);
    const outcome = await target.apply(plan, configuration);
    assert.ok(!outcome.done);
    assert.match(outcome.reason, /the route legacy.*not ours/);
    assert.equal(readFileSync(join(home, 'shared.yaml'), 'utf8'), theirs);
  });
  for (const [name, text, refused] of [
    ['empty', '\n', false],
    ['ours', 'routes: [{ id: old, labels: { managed-by: credentialflow }, uri: /old }]\n', false],
    ['foreign', 'routes: [{ id: old, uri: /old }]\n', true],
    ['more', 'routes: []\nssls: []\n', true],
    ['list', '- a\n', true],
    ['broken', '{{{\n', true],
  ] as const) {
    it(`that is ${name} is ${refused ? 'refused' : 'replaced'}`, async () => {
      writeFileSync(join(home, name), text);
      assert.equal((await targetOf(name).plan(configuration)).refusals.length > 0, refused);
    });
  }
});
