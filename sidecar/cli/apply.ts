import type { Command } from 'commander';
import { resolve } from 'node:path';
import type { Problem } from '../core/error.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { formatPlace } from './format-problem.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { readFile } from './read-file.ts';

interface ApplyOptions {
  readonly file: readonly string[];
  readonly source?: string;
  readonly prune?: boolean;
  readonly allowPrune?: boolean;
  readonly dryRun?: boolean;
}

interface ApplyAnswer {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly changed: readonly { readonly id: string; readonly action: string }[];
  readonly revision: number;
  readonly dry_run: boolean;
  readonly warnings: readonly Problem[];
}

/** A large document takes its time: milliseconds. */
const timeoutMs = 120_000;

export function addApplyCommand(program: Command, cli: Cli): void {
  const command = program
    .command('apply')
    .description('create and change resources from a file')
    .requiredOption('-f, --file <file...>', 'resource file, "-" for stdin; several are applied one after the other')
    .option('--source <name>', 'own what the file declares as file:<name>, so that only this source changes it')
    .option('--prune', 'delete what the source declared before and the file no longer does (needs --source)')
    .option('--allow-prune', 'even if that is everything, or over a fifth')
    .option('--dry-run', 'say what would change, change nothing')
    .action(async (options: ApplyOptions, self: Command) => {
      const { file: files, source, prune, allowPrune, dryRun } = options;
      if (prune === true && source === undefined) throw usageFailure('--prune needs --source');
      if (prune === true && files.length > 1) throw usageFailure('--prune takes one file: it declares all of a source');
      await cli.withAdmin(self, async (api) => {
        for (const file of files) {
          const body = await readDocument(file, cli.terminal);
          const query = { source, prune, allow_prune: allowPrune, dry_run: dryRun };
          const answer = await api
            .call({ method: 'POST', path: '/apply', query, body, timeoutMs, headers: { 'content-type': 'text/plain' } })
            .catch((error: unknown) => inFile(error, file));
          report(answer as ApplyAnswer, file, self, cli);
        }
      });
    });
  withExamples(
    command,
    'credentialflow apply -f resources.yaml',
    'credentialflow apply -f team.yaml --source team --prune --dry-run',
    'kustomize build . | credentialflow apply -f -',
  );
}

async function readDocument(file: string, terminal: Terminal): Promise<string> {
  if (file !== '-') return readFile(resolve(terminal.cwd, file), file);
  const chunks: Buffer[] = [];
  for await (const chunk of terminal.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The sidecar saw a body; its lines are those of the file. */
function inFile(error: unknown, file: string): never {
  if (!(error instanceof CliFailure) || error.problems.length === 0) throw error;
  const { exitCode, message, code, fix, problems } = error;
  throw new CliFailure(exitCode, message, {
    code,
    problems: problems.map((problem) => namedAs(problem, file)),
    cause: error,
    ...(fix === undefined ? {} : { fix }),
  });
}

function namedAs(problem: Problem, file: string): Problem {
  return problem.line === undefined ? problem : { ...problem, file: file === '-' ? 'stdin' : file };
}

function report(answer: ApplyAnswer, file: string, self: Command, cli: Cli): void {
  const { created, updated, unchanged, deleted, changed, warnings } = answer;
  cli.print(self, { file, ...answer }, () => {
    const rows = changed.map(({ id, action }) => [action, id]);
    const table = rows.length === 0 ? [] : [formatTable(['ACTION', 'RESOURCE'], rows)];
    const sum = `${created} created, ${updated} updated, ${deleted} deleted, ${unchanged} unchanged`;
    return [...table, answer.dry_run ? `${sum} (dry run: nothing was changed)` : sum].join('\n');
  });
  for (const warning of warnings) cli.terminal.err(`${formatPlace(namedAs(warning, file))}\n`);
}
