import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

/** Each row breaks one rule: the file, what it says, and the rule that must speak. */
const broken: readonly (readonly [file: string, code: string, rule: string])[] = [
  ['sidecar/core/reads-a-file.ts', "export { readFileSync } from 'node:fs';", 'core-is-pure'],
  ['sidecar/core/uses-npm.ts', "export { jwtVerify } from 'jose';", 'core-is-pure'],
  ['sidecar/core/knows-npm-types.ts', "import type { JWK } from 'jose'; export type K = JWK;", 'core-is-pure'],
  ['sidecar/core/knows-a-family.ts', "export { good } from '../stores/good.ts';", 'core-is-pure'],
  ['sidecar/caches/knows-a-store.ts', "export { good } from '../stores/good.ts';", 'families-are-strangers'],
  [
    'sidecar/stores/knows-a-type.ts',
    "import type { Good } from '../caches/good.ts'; export type G = Good;",
    'families-are-strangers',
  ],
  ['sidecar/http/knows-ops.ts', "export { good } from '../ops/good.ts';", 'http-is-a-stranger-too'],
  ['sidecar/config/knows-http.ts', "export { good } from '../http/good.ts';", 'config-knows-core'],
  [
    'sidecar/resources/knows-presets.ts',
    "export { good } from '../presets/good.ts';",
    'resources-know-core-and-config',
  ],
  ['sidecar/audit/starts-it-all.ts', "export { good } from '../compose.ts';", 'only-main-and-cli-compose'],
  ['sidecar/audit/calls-main.ts', "export { good } from '../main.ts';", 'nobody-imports-the-root'],
  [
    'sidecar/audit/leans-on-a-test.ts',
    "export { good } from '../../test/good.ts';",
    'sidecar-imports-nothing-beside-it',
  ],
  ['sidecar/audit/uses-a-dev-tool.ts', "export { fc } from 'fast-check';", 'no-dev-dependencies'],
  ['sidecar/audit/imports-nothing-there.ts', "export { x } from 'no-such-package';", 'resolvable'],
  ['sidecar/policies/first.ts', "export { b as a } from './second.ts'; export const b = 1;", 'no-cycles'],
  ['sidecar/config/uses-ajv.ts', "export { Ajv } from 'ajv';", 'one-door-ajv'],
  ['sidecar/core/uses-cel.ts', "export { parse } from '@marcbachmann/cel-js';", 'one-door-@marcbachmann/cel-js'],
  ['sidecar/config/uses-commander.ts', "export { Command } from 'commander';", 'one-door-commander'],
  ['sidecar/gateway/uses-express.ts', "export { Router } from 'express';", 'one-door-express'],
  ['sidecar/limits/uses-ioredis.ts', "export { Redis } from 'ioredis';", 'one-door-ioredis'],
  ['sidecar/http/uses-jose.ts', "export { jwtVerify } from 'jose';", 'one-door-jose'],
  ['sidecar/stores/uses-lru-cache.ts', "export { LRUCache } from 'lru-cache';", 'one-door-lru-cache'],
  ['sidecar/http/uses-pino.ts', "export { pino } from 'pino';", 'one-door-pino'],
  ['sidecar/http/uses-prom-client.ts', "export { Counter } from 'prom-client';", 'one-door-prom-client'],
  ['sidecar/token-validators/uses-undici.ts', "export { fetch } from 'undici';", 'one-door-undici'],
  ['sidecar/cli/uses-yaml.ts', "export { parse } from 'yaml';", 'one-door-yaml'],
  ['sidecar/http/uses-zod.ts', "export { z } from 'zod';", 'one-door-zod'],
  ['sidecar/caches/uses-sqlite.ts', "export { DatabaseSync } from 'node:sqlite';", 'one-door-node-sqlite'],
  ['sidecar/audit/listens.ts', "export { createServer } from 'node:http';", 'one-door-node-http'],
  ['sidecar/keys/calls-out.ts', "export { request } from 'node:https';", 'one-door-node-https'],
  ['sidecar/audit/opens-a-socket.ts', "export { connect } from 'node:net';", 'one-door-node-net'],
  ['sidecar/http/starts-a-process.ts', "export { spawn } from 'node:child_process';", 'one-door-node-child_process'],
  ['sidecar/ops/reads-the-heap.ts', "export { getHeapStatistics } from 'node:v8';", 'one-door-node-v8'],
  ['sidecar/ops/opens-the-inspector.ts', "export { open } from 'node:inspector';", 'one-door-node-inspector'],
];

/** The same doors, used from their own side: silence. */
const allowed: readonly (readonly [file: string, code: string])[] = [
  ['sidecar/compose.ts', "export { good } from './stores/good.ts'; export { good as g } from './caches/good.ts';"],
  ['sidecar/main.ts', "export { good } from './compose.ts';"],
  ['sidecar/cli/serve.ts', "export { good } from '../compose.ts'; export { Command } from 'commander';"],
  ['sidecar/core/good.ts', 'export interface Good { readonly good: true }'],
  ['sidecar/config/config.ts', "import type { Good } from '../core/good.ts'; export type Config = Good;"],
  ['sidecar/config/good.ts', "export { parse } from 'yaml'; export { z } from 'zod';"],
  ['sidecar/resources/good.ts', "export { z } from 'zod'; export type { Config } from '../config/config.ts';"],
  ['sidecar/parse-process.ts', "export { good } from './presets/good.ts';"],
  ['sidecar/stores/good.ts', "export { DatabaseSync } from 'node:sqlite'; export const good = 1;"],
  ['sidecar/caches/good.ts', "export { Redis } from 'ioredis'; export type Good = 1; export const good = 1;"],
  [
    'sidecar/http/good.ts',
    "export { Router } from 'express'; export type { Config } from '../config/config.ts'; export const good = 1;",
  ],
  ['sidecar/http/listen.ts', "export { createServer } from 'node:http';"],
  ['sidecar/ops/good.ts', "export { pino } from 'pino'; export { fetch } from 'undici'; export const good = 1;"],
  ['sidecar/gateway/good.ts', "export { Ajv } from 'ajv'; export { parse } from 'yaml';"],
  ['sidecar/keys/good.ts', "export { CompactEncrypt } from 'jose';"],
  ['sidecar/presets/good.ts', "import type { Good } from '../core/good.ts'; export const good: Good = { good: true };"],
  // The second half of the cycle; it is reported once, from the first.
  ['sidecar/policies/second.ts', "export { b } from './first.ts';"],
  ['test/good.ts', 'export const good = 1;'],
];

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
}

describe('import rules', () => {
  const root = mkdtempSync(join(tmpdir(), 'credentialflow-import-rules-'));
  let violations: readonly Violation[] = [];

  before(() => {
    for (const name of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) cpSync(name, join(root, name));
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    for (const [file, code] of [...broken, ...allowed]) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), `${code}\n`);
    }
    violations = cruise(root);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [file, , rule] of broken) {
    it(`${rule} refuses ${file}`, () => {
      const spoken = violations.filter(({ from }) => from === file).map(({ rule: { name } }) => name);
      assert.ok(spoken.includes(rule), `expected ${rule}, heard ${spoken.join(', ') || 'nothing'}`);
    });
  }

  it('says nothing about what is allowed', () => {
    const files = new Set(allowed.map(([file]) => file));
    assert.deepEqual(
      violations.filter(({ from }) => files.has(from)).map(({ from, rule: { name } }) => `${from}: ${name}`),
      [],
    );
  });

  it('has a row here for every rule', () => {
    const config = execFileSync(
      process.execPath,
      ['-p', "JSON.stringify(require('./.dependency-cruiser.cjs').forbidden.map((rule) => rule.name))"],
      { encoding: 'utf8' },
    );
    const proven = new Set(broken.map(([, , rule]) => rule));
    // Never installed here, never imported, or spoken of by `resolvable` first.
    const without = new Set(['one-door-pg', 'no-unknown-modules', 'no-unlisted-package']);
    const unproven = (JSON.parse(config) as readonly string[]).filter(
      (name) => !proven.has(name) && !without.has(name),
    );
    assert.deepEqual(
      unproven.filter((name) => !/^one-door-node-(cluster|dgram|http2|repl|tls|vm)$/.test(name)),
      [],
    );
  });
});

function cruise(cwd: string): readonly Violation[] {
  const bin = resolve('node_modules/.bin/depcruise');
  const args = [bin, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'sidecar'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  try {
    return (JSON.parse(stdout) as { readonly summary: { readonly violations: readonly Violation[] } }).summary
      .violations;
  } catch {
    throw new Error(`dependency-cruiser did not answer: ${stderr}`);
  }
}
