import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { createFileRoutes } from '../../../sidecar/gateway/doctor/file-routes.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-file-routes-'));
after(() => rmSync(home, { recursive: true, force: true }));
const path = join(home, 'apisix.yaml');
const ours = [{ id: 'cf-doctor-1', uri: '/x/*', key: '${{KEY}}' }];
const idsIn = (text: string): readonly unknown[] =>
  (parse(text) as { readonly routes: readonly { readonly id: unknown }[] }).routes.map(({ id }) => id);

describe("the doctor's routes in a file", () => {
  for (const [name, before] of [
    ['with routes and comments', '# mine\nroutes:\n  - id: a # first\n    uri: /a\nglobal_rules: [{ id: 1 }]\n#END\n'],
    ['without routes', 'global_rules: [{ id: 1 }]\n#END'],
    ['with nothing', '#END\n'],
  ] as const) {
    it(`stand beside what is there, ${name}, and go without a trace`, async () => {
      writeFileSync(path, before);
      const place = createFileRoutes({ path });
      await place.add(ours);
      const written = readFileSync(path, 'utf8');
      assert.ok(written.endsWith('\n#END\n'));
      assert.equal(idsIn(written).at(-1), 'cf-doctor-1');
      assert.match(written, /'\$\{\{KEY\}\}'/);
      assert.equal(written.includes('global_rules'), before.includes('global_rules'));
      await place.remove();
      assert.equal(readFileSync(path, 'utf8'), before);
    });
  }
  it('go alone where somebody wrote the file meanwhile', async () => {
    writeFileSync(path, 'routes: [{ id: a }]\n#END\n');
    const place = createFileRoutes({ path });
    await place.add(ours);
    writeFileSync(path, readFileSync(path, 'utf8').replace('{ id: a }', '{ id: a }, { id: b }'));
    await place.remove();
    assert.deepEqual(idsIn(readFileSync(path, 'utf8')), ['a', 'b']);
  });
  it('are not written into what is no apisix.yaml', async () => {
    writeFileSync(path, '- a\n- b\n');
    await assert.rejects(async () => createFileRoutes({ path }).add(ours), /no apisix\.yaml/);
    assert.equal(readFileSync(path, 'utf8'), '- a\n- b\n');
  });
});
