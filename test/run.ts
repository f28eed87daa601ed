/**
 * `npm test`: makes sure that the servers which the tests need are there, then runs every test file. The exit code and
 * the closing lines are the test runner's.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { coverageOptions, createCoverageGate, inProcessTests } from './check/coverage-gate.ts';
import { findServersOrExit } from './find-servers.ts';

const usage = `Usage: npm test [-- OPTIONS]

Runs the tests; installs the servers they need where they are missing (root on Debian), and starts its own.

  --only PART   only files whose path contains PART; may be repeated
  --coverage    measures the in-process tests too, and fails where the coverage gate does (see npm run check)
  --help        this text

Examples:
  npm test -- --only test/stores/
  npm test -- --only test/e2e/fleet --only test/caches
`;

/** Longest single test; the kill and fuzz tests take their minutes. */
const testTimeoutMs = 300_000;

const { only, coverage } = optionsOrExit();
const files = globSync('test/**/*.test.ts')
  .sort()
  .filter((file) => only.length === 0 || only.some((part) => file.includes(part)));
if (files.length === 0) {
  console.error(`No test file's path contains ${only.map((part) => JSON.stringify(part)).join(' or ')}.`);
  process.exit(1);
}

findServersOrExit();

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    process.exitCode = 1;
    stopped.abort();
  });
}
const settings = {
  timeout: testTimeoutMs,
  concurrency: Math.max(2, availableParallelism()),
  signal: stopped.signal,
} as const;

console.log(`Running ${String(files.length)} test files, ${String(settings.concurrency)} at a time.`);
const reported = coverage ? oneReport([measured, unmeasured]) : runFiles(files);
Readable.from(watchFailures(reported)).pipe(new spec()).pipe(process.stdout);

function runFiles(wanted: readonly string[], more: Parameters<typeof run>[0] = {}): AsyncIterable<TestEvent> {
  return run({ ...settings, ...more, files: wanted.map((file) => resolve(file)) }) as AsyncIterable<TestEvent>;
}

async function* watchFailures(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  for await (const event of events) {
    if (event.type === 'test:fail') process.exitCode = 1;
    yield event;
  }
}

/** The tests that the coverage gate is about, and its verdict. */
async function* measured(): AsyncGenerator<TestEvent> {
  const gate = createCoverageGate();
  const counted = new Set(inProcessTests());
  for await (const event of runFiles(
    files.filter((file) => counted.has(file)),
    coverageOptions,
  )) {
    gate.see(event);
    if (event.type !== 'test:coverage') yield event;
  }
  // Left by the runner for the processes that it starts: from here on nothing is measured.
  delete process.env['NODE_V8_COVERAGE'];
  const { good, text } = gate.verdict();
  if (!good) process.exitCode = 1;
  console.log(text);
}

function unmeasured(): AsyncIterable<TestEvent> {
  const counted = new Set(inProcessTests());
  return runFiles(files.filter((file) => !counted.has(file)));
}

/** Several runs as one: the events as they come, and at the end one summary with the counts of all. */
async function* oneReport(runs: readonly (() => AsyncIterable<TestEvent>)[]): AsyncGenerator<TestEvent> {
  const totals = new Map<string, { event: Extract<TestEvent, { type: 'test:diagnostic' }>; sum: number }>();
  let summary: TestEvent | undefined;
  for (const start of runs) {
    for await (const event of start()) {
      if (event.type === 'test:summary' && event.data.file === undefined) {
        summary = event;
        continue;
      }
      const [, name = '', figure = ''] =
        event.type === 'test:diagnostic' && event.data.nesting === 0
          ? (/^(suites|tests|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/.exec(event.data.message) ?? [])
          : [];
      if (event.type !== 'test:diagnostic' || name === '') yield event;
      else totals.set(name, { event, sum: (totals.get(name)?.sum ?? 0) + Number(figure) });
    }
  }
  for (const [name, { event, sum }] of totals) {
    yield { ...event, data: { ...event.data, message: `${name} ${String(sum)}` } };
  }
  if (summary !== undefined) yield summary;
}

function optionsOrExit(): { readonly only: readonly string[]; readonly coverage: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        coverage: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      process.stdout.write(usage);
      process.exit(0);
    }
    if (values.coverage === true && values.only !== undefined) {
      throw new Error('--coverage is about all in-process tests: leave --only out.');
    }
    return { only: values.only ?? [], coverage: values.coverage === true };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(1);
  }
}
