/** `npm run check:coverage`: the coverage gate by itself. Quiet: what failed, and the totals. */
import { resolve } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { findServersOrExit } from '../find-servers.ts';
import { coverageOptions, createCoverageGate, inProcessTests } from './coverage-gate.ts';

/** A test file that leaves something open would never end. */
const deadlineMs = 300_000;

// The checks may come before the first test run of a machine.
findServersOrExit();

const gate = createCoverageGate();
let failures = 0;
const events = run({
  ...coverageOptions,
  files: inProcessTests().map((file) => resolve(file)),
  concurrency: 2,
  timeout: 120_000,
  signal: AbortSignal.timeout(deadlineMs),
}) as AsyncIterable<TestEvent>;
for await (const event of events) {
  gate.see(event);
  if (event.type !== 'test:fail') continue;
  const { name, details, file } = event.data;
  if (/^\d+ subtests? failed$/.test(String(details.error.cause))) continue;
  failures++;
  console.log(`FAILED ${file ?? ''}: ${name}\n${String(details.error.cause)}`);
}
const { good, text } = gate.verdict();
console.log(text);
if (failures > 0) console.log(`${String(failures)} tests failed.`);
process.exitCode = good && failures === 0 ? 0 : 1;
