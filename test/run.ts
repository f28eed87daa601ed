/**
 * `npm test [-- --only <part of a path>]`: makes sure that the servers which the tests need are there, then runs every
 * test file. The exit code is the test runner's own, and so are the closing lines.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { findServersOrExit } from './find-servers.ts';

/** Longest single test; the kill and fuzz tests take their minutes. */
const testTimeoutMs = 300_000;

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
const wanted = values.only ?? [];

const files = globSync('test/**/*.test.ts')
  .sort()
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (files.length === 0) {
  console.error(`No test file's path contains ${wanted.map((part) => JSON.stringify(part)).join(' or ')}.`);
  process.exit(1);
}

findServersOrExit();

const flags = [
  '--test',
  `--test-timeout=${String(testTimeoutMs)}`,
  `--test-concurrency=${String(Math.max(2, availableParallelism()))}`,
  '--test-reporter=spec',
];
console.log(`Running ${String(files.length)} test files: node ${flags.join(' ')} …`);
const runner = spawn(process.execPath, [...flags, ...files], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => runner.kill(signal));
const [code] = (await once(runner, 'exit')) as [number | null];
process.exitCode = code ?? 1;
