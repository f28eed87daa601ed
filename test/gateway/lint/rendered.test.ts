/** `lint` has nothing to say of what `render` makes, in any form. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readKnownUpstreams } from '../../../sidecar/cli/lint-known.ts';
import { formats } from '../../../sidecar/gateway/render/formats/index.ts';
import type { Format } from '../../../sidecar/gateway/render/formats/format.ts';
import { elaborate, rendered } from '../render/support.ts';
import { lintFiles } from './corpus.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-rendered-'));
after(() => rmSync(home, { recursive: true, force: true }));
const shipped = readFileSync('apisix-conf/resources.yaml', 'utf8');

/** The rendered text, or the JSON documents in its script, with the lines of config.yaml beside it. */
function filesOf(format: Format, resources: string) {
  const text = rendered(resources, format);
  const bodies = format.id === 'admin-api' ? [...text.matchAll(/^\{$[^]*?^\}$/gm)].map(([body]) => body) : [text];
  assert.ok(bodies.length > 0);
  const routes = bodies.map((body, i) => ({ file: `${format.id}-${i}`, text: body }));
  return [...routes, { file: 'config.yaml', text: format.configuration() }];
}

async function findingsIn(format: Format, resources: string, isKnown: boolean): Promise<readonly string[]> {
  const file = join(home, `${format.id}.yaml`);
  writeFileSync(file, resources);
  const known = isKnown ? await readKnownUpstreams([file], home) : undefined;
  const { findings, problems, guarded } = lintFiles(filesOf(format, resources), {}, known);
  assert.deepEqual(problems, []);
  assert.ok(guarded > 0, 'a guarded route was seen');
  return findings.map(({ rule, severity, message }) => `${severity} ${rule}: ${message}`).sort();
}

describe('what render makes', () => {
  for (const format of formats) {
    it(`${format.id}: of every preset has no finding, with the resources or without`, async () => {
      for (const isKnown of [false, true]) assert.deepEqual(await findingsIn(format, shipped, isKnown), []);
    });
    it(`${format.id}: of every wish has none but that an upstream of the house is asked in clear`, async () => {
      const inClear = 'info upstream-plain-http: http to llama.internal';
      assert.deepEqual(await findingsIn(format, elaborate, true), [inClear]);
      // Without the resources nobody knows that a slot passes on purpose.
      assert.deepEqual(await findingsIn(format, elaborate, false), [
        'error upstream-headers-slot: upstream_headers lacks x-api-key',
        inClear,
        'warning request-headers-slot: request_headers lacks x-api-key',
      ]);
    });
  }
});
