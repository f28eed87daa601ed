/**
 * `npm run demo`: one request from an unmodified client to a provider, with the sidecar in between, on this machine and
 * with no network. Stays up for the curl lines that it prints. `--once`: checks those itself and ends, with 0 or 1.
 * `--json`: for machines.
 */
import { once } from 'node:events';
import { readArguments, usage } from './arguments.ts';
import type { Wanted } from './arguments.ts';
import { checkCase } from './cases.ts';
import type { CaseResult } from './cases.ts';
import { createReport, reportJson } from './report.ts';
import { startDemo } from './start-demo.ts';

const { NO_COLOR, FORCE_COLOR } = process.env;
const colours = (NO_COLOR ?? '') === '' && (process.stdout.isTTY || (FORCE_COLOR ?? '') !== '');
const report = createReport(colours);
const write = (text: string): void => void process.stdout.write(text);

const wanted = readArguments(process.argv.slice(2));

if (wanted === 'help') write(usage);
else if (typeof wanted === 'string') {
  process.stderr.write(`error: ${wanted}\n${usage}`);
  process.exitCode = 2;
} else await show(wanted);

async function show({ once: endsAtOnce, json }: Wanted): Promise<void> {
  try {
    const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    const demo = await startDemo();
    const results: CaseResult[] = [];
    if (endsAtOnce) {
      for (const one of demo.cases) results.push(await checkCase(one, demo.secret));
    }
    if (json) write(`${reportJson(demo, results)}\n`);
    else {
      write(`${report.flow(demo)}\n`);
      write(endsAtOnce ? report.results(results) : report.toTry(demo));
    }
    if (!endsAtOnce) await interrupted;
    await demo.stop();
    const failed = results.filter(({ ok }) => !ok);
    if (failed.length > 0) {
      process.stderr.write(`failed: ${failed.map(({ name }) => name).join(', ')}\n`);
      process.exitCode = 1;
    }
  } catch (error) {
    process.stderr.write(`the demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
