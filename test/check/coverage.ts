/**
 * The coverage gate: the in-process tests (those that mirror sidecar/) must cover this much of sidecar/. A file with
 * code that no test loads counts as wholly uncovered. Quiet: failures, the least covered files, and the totals.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { run } from 'node:test';
import ts from 'typescript';
import { findServersOrExit } from '../find-servers.ts';

/** A test file that leaves something open would never end. */
const deadlineMs = 300_000;

const bounds = { lines: 90, branches: 90, functions: 95 };

/** Run as processes of their own, and covered by the tests of test/e2e, test/cli and test/check. */
const outOfProcess = ['sidecar/main.ts', 'sidecar/cli/**', 'sidecar/**/*worker.ts'];
/** Long, or about several processes. */
const skipped = ['test/**/*{kill,crash,fuzz,long}*.test.ts', 'test/cli/**'];

const mirrored = globSync('test/*/').filter((folder) => existsSync(folder.replace('test', 'sidecar')));
const files = mirrored
  .flatMap((folder) => globSync(`${folder}/**/*.test.ts`))
  .filter((file) => !globSync([...skipped]).includes(file))
  .sort();

interface Tally {
  lines: number;
  coveredLines: number;
  branches: number;
  coveredBranches: number;
  functions: number;
  coveredFunctions: number;
}

const sum: Tally = { lines: 0, coveredLines: 0, branches: 0, coveredBranches: 0, functions: 0, coveredFunctions: 0 };
const perFile: { readonly path: string; readonly lines: number }[] = [];
const unseen = new Set(globSync('sidecar/**/*.ts', { exclude: outOfProcess }).filter(hasCode));
let failures = 0;

// The checks may come before the first test run of a machine.
findServersOrExit();

const events = run({
  files: files.map((file) => resolve(file)),
  concurrency: 2,
  timeout: 120_000,
  signal: AbortSignal.timeout(deadlineMs),
  coverage: true,
  coverageIncludeGlobs: ['sidecar/**/*.ts'],
  coverageExcludeGlobs: [...outOfProcess],
});
events.on('test:fail', ({ name, details, file }) => {
  if (/^\d+ subtests? failed$/.test(String(details.error.cause))) return;
  failures++;
  console.log(`FAILED ${file ?? ''}: ${name}\n${String(details.error.cause)}`);
});
events.on('test:coverage', ({ summary }) => {
  for (const file of summary.files) {
    const path = file.path.slice(summary.workingDirectory.length + 1);
    unseen.delete(path);
    perFile.push({ path, lines: file.coveredLinePercent });
    sum.lines += file.totalLineCount;
    sum.coveredLines += file.coveredLineCount;
    sum.branches += file.totalBranchCount;
    sum.coveredBranches += file.coveredBranchCount;
    sum.functions += file.totalFunctionCount;
    sum.coveredFunctions += file.coveredFunctionCount;
  }
});
events.on('end', report);
events.resume();

function report(): void {
  for (const path of unseen) {
    sum.lines += readFileSync(path, 'utf8').split('\n').length;
    perFile.push({ path, lines: 0 });
  }
  const reached = {
    lines: percent(sum.coveredLines, sum.lines),
    branches: percent(sum.coveredBranches, sum.branches),
    functions: percent(sum.coveredFunctions, sum.functions),
  };
  const low = (Object.keys(bounds) as (keyof typeof bounds)[]).filter((name) => reached[name] < bounds[name]);
  if (low.length > 0) {
    console.log('Least covered:');
    for (const { path, lines } of perFile.sort((a, b) => a.lines - b.lines).slice(0, 15)) {
      console.log(`  ${lines.toFixed(1).padStart(5)} %  ${path}${unseen.has(path) ? '  (no test loads it)' : ''}`);
    }
  }
  const figures = Object.entries(bounds).map(([name, bound]) => {
    return `${name} ${reached[name as keyof typeof bounds].toFixed(1)} % (at least ${String(bound)})`;
  });
  console.log(`Coverage of sidecar/ by ${String(files.length)} in-process test files: ${figures.join(', ')}.`);
  if (failures > 0) console.log(`${String(failures)} tests failed.`);
  process.exitCode = low.length > 0 || failures > 0 ? 1 : 0;
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : (100 * part) / whole;
}

/** Files of types only have nothing that could run. */
function hasCode(path: string): boolean {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, removeComments: true },
  });
  return outputText.replaceAll(/\bexport\s*\{\s*\};?|\bimport\b[^;]*;/g, '').trim() !== '';
}
