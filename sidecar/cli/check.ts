import type { Command } from 'commander';
import { relative, resolve } from 'node:path';
import { CredentialFlowError } from '../core/error.ts';
import type { Problem } from '../core/error.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { formatPlace } from './format-problem.ts';
import type { Local } from './local.ts';
import { readResourceTexts } from './resource-texts.ts';

export function addCheckCommand(program: Command, cli: Cli): void {
  const command = program
    .command('check')
    .description('validate the configuration and resource files offline: all problems at once, file:line:column')
    .argument('[files...]', 'resource files (default: those that the configuration names)')
    .action(async (files: readonly string[], _options: unknown, self: Command) => {
      const { cwd } = cli.terminal;
      const { local, configPath, problems: configProblems } = await readConfig(self, cli);
      const named = files.length > 0 ? files.map((file) => resolve(cwd, file)) : (local?.config.resources.files ?? []);
      // With nothing but files, what they do not declare does not exist.
      const complete = local?.config.store.reveal() === 'sqlite::memory:' && files.length === 0;
      const maxTtlMs = local?.config.tokens.maxTtlMs;
      const tokensEndByMs = maxTtlMs === undefined ? undefined : Date.now() + maxTtlMs;
      const resourceProblems = await readResources(named, { complete, tokensEndByMs });
      const problems = [...configProblems, ...resourceProblems].map((problem) => shortened(problem, cwd));
      const checked = [configPath, ...named].filter((file) => file !== undefined);
      report(
        problems,
        checked.map((file) => relative(cwd, file)),
        self,
        cli,
      );
    });
  withExamples(
    command,
    'credentialflow check',
    'credentialflow check team.yaml shared.yaml',
    'credentialflow check --json',
  );
}

async function readConfig(
  self: Command,
  cli: Cli,
): Promise<{
  readonly local: Local | undefined;
  /** Undefined: there is none. */
  readonly configPath: string | undefined;
  readonly problems: readonly Problem[];
}> {
  try {
    const local = await cli.local(self);
    return { local, configPath: local.configPath, problems: [...local.warnings, ...(await urlProblems(local))] };
  } catch (error) {
    if (!(error instanceof CredentialFlowError) || error.problems.length === 0) throw error;
    const configPath = error.problems.find(({ file }) => file !== undefined)?.file;
    return { local: undefined, configPath, problems: error.problems };
  }
}

/** What the configuration cannot know: the families read their own urls. */
async function urlProblems({ config, configPath }: Local): Promise<readonly Problem[]> {
  const { checkCacheUrl } = await import('../caches/index.ts');
  const { parseStoreUrl } = await import('../stores/index.ts');
  const file = configPath === undefined ? {} : { file: configPath };
  const problemsOf = (path: string, check: () => unknown): readonly Problem[] => {
    try {
      check();
      return [];
    } catch (error) {
      if (!(error instanceof CredentialFlowError)) throw error;
      return [{ severity: 'error', message: error.message, path, ...file }];
    }
  };
  return [
    ...problemsOf('store', () => parseStoreUrl(config.store.reveal())),
    ...problemsOf('cache', () => checkCacheUrl(config.cache.reveal())),
  ];
}

async function readResources(
  files: readonly string[],
  options: { readonly complete: boolean; readonly tokensEndByMs: number | undefined },
): Promise<readonly Problem[]> {
  if (files.length === 0) return [];
  const { parseResourceFiles } = await import('../resources/parse.ts');
  const { resourceDeps } = await import('../resource-deps.ts');
  const { texts, problems } = readResourceTexts(files);
  return [...problems, ...parseResourceFiles(texts, resourceDeps, options).problems];
}

/** As it would be typed here. */
function shortened(problem: Problem, cwd: string): Problem {
  return problem.file === undefined ? problem : { ...problem, file: relative(cwd, problem.file) };
}

function report(problems: readonly Problem[], checked: readonly string[], self: Command, cli: Cli): void {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  cli.print(self, { ok: errors === 0, checked, problems }, () => {
    const what = checked.length === 0 ? 'the defaults (there is no configuration file)' : checked.join(', ');
    const sum = `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
    return [...problems.map(formatPlace), `Checked ${what}: ${problems.length === 0 ? 'no problems' : sum}.`].join(
      '\n',
    );
  });
  if (errors > 0) cli.finish(exitCodes.invalid);
}

function counted(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
}
