/**
 * The coverage gate: the in-process tests (those that mirror sidecar/) must cover this much of sidecar/. A file with
 * code that no test loads counts as wholly uncovered.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import type { TestEvent } from 'node:test/reporters';
import ts from 'typescript';

const bounds = { lines: 90, branches: 90, functions: 95 };

/** Run as processes of their own, and covered by the tests of test/e2e, test/cli and test/check. */
const outOfProcess = ['sidecar/main.ts', 'sidecar/cli/**', 'sidecar/**/*worker.ts'];
/** Long, or about several processes. */
const skipped = ['test/**/*{kill,crash,fuzz,long}*.test.ts', 'test/cli/**'];

/** For node:test's run(): what to measure. */
export const coverageOptions = {
  coverage: true,
  coverageIncludeGlobs: ['sidecar/**/*.ts'],
  coverageExcludeGlobs: outOfProcess,
};

/** The test files whose coverage counts. */
export function inProcessTests(): string[] {
  const left = new Set(globSync(skipped));
  return globSync('test/*/')
    .filter((folder) => existsSync(folder.replace('test', 'sidecar')))
    .flatMap((folder) => globSync(`${folder}/**/*.test.ts`))
    .filter((file) => !left.has(file))
    .sort();
}

export interface CoverageGate {
  /** Looks at each event of a run with `coverageOptions`. */
  see(event: TestEvent): void;
  /** The totals, and the least covered files where a bound is missed. */
  verdict(): { readonly good: boolean; readonly text: string };
}

export function createCoverageGate(): CoverageGate {
  const sum = { lines: 0, coveredLines: 0, branches: 0, coveredBranches: 0, functions: 0, coveredFunctions: 0 };
  const perFile: { readonly path: string; readonly lines: number }[] = [];
  const unseen = new Set(globSync('sidecar/**/*.ts', { exclude: outOfProcess }).filter(hasCode));

  return {
    see(event) {
      if (event.type !== 'test:coverage') return;
      const { summary } = event.data;
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
    },
    verdict() {
      let { lines } = sum;
      const files = [...perFile];
      for (const path of unseen) {
        lines += readFileSync(path, 'utf8').split('\n').length;
        files.push({ path, lines: 0 });
      }
      const reached = {
        lines: percent(sum.coveredLines, lines),
        branches: percent(sum.coveredBranches, sum.branches),
        functions: percent(sum.coveredFunctions, sum.functions),
      };
      const names = Object.keys(bounds) as (keyof typeof bounds)[];
      const figures = names.map((name) => `${name} ${reached[name].toFixed(1)} % (at least ${String(bounds[name])})`);
      const total = `Coverage of sidecar/ by the in-process tests: ${figures.join(', ')}.`;
      if (names.every((name) => reached[name] >= bounds[name])) return { good: true, text: total };
      const least = files
        .sort((a, b) => a.lines - b.lines)
        .slice(0, 15)
        .map(({ path, lines: covered }) => {
          return `  ${covered.toFixed(1).padStart(5)} %  ${path}${unseen.has(path) ? '  (no test loads it)' : ''}`;
        });
      return { good: false, text: ['Least covered:', ...least, total].join('\n') };
    },
  };
}

/** Nothing seen is nothing covered: a run that was cut short must not pass. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

/** Files of types only have nothing that could run. */
function hasCode(path: string): boolean {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, removeComments: true },
  });
  return outputText.replaceAll(/\bexport\s*\{\s*\};?|\bimport\b[^;]*;/g, '').trim() !== '';
}
