import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { readVersion } from '../compose/package-files.ts';
import type { Problem } from '../core/error.ts';
import type { InputFile } from '../gateway/lint/read/read-configuration.ts';
import type { Finding } from '../gateway/lint/rule.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { globalsOf } from './global-options.ts';
import { readInputs } from './lint-inputs.ts';
import type { LiveOptions } from './lint-live.ts';
import { readKnownUpstreams } from './lint-known.ts';
import { repeatable } from './repeatable.ts';

interface LintCommandOptions extends LiveOptions {
  readonly resources?: readonly string[];
  readonly gatewayVersion?: string;
  readonly format: 'human' | 'json' | 'sarif' | 'junit';
  readonly maxWarnings: number;
  readonly ignore?: readonly string[];
  readonly fix?: boolean;
}

export function addApisixLintCommand(apisix: Command, cli: Cli): void {
  const command = apisix
    .command('lint')
    .description('find what leaks a secret or opens a hole in a configuration of APISIX, whoever wrote it')
    .argument('[files...]', 'apisix.yaml, config.yaml, adc.yaml, Admin API dumps, manifests: all are read as one')
    .option('--admin <url>', 'read a running gateway through its Admin API')
    .option(
      '--admin-key-file <file>',
      'file with its key (default: APISIX_ADMIN_KEY, or the file of APISIX_ADMIN_KEY_FILE)',
    )
    .option('--control <url>', 'read what the Control API of a running gateway shows')
    .option('--schema <file-or-url>', 'check against the schemas of the gateway, too: a file, or its Control API')
    .option(
      '-f, --resources <file>',
      'resource file: what the sidecar injects and where, to know more; may be given several times',
      repeatable,
    )
    .option('--gateway-version <version>', 'which APISIX it is, e.g. 3.18, where the files do not say')
    .addOption(
      new Option('--format <format>', 'how to say it').choices(['human', 'json', 'sarif', 'junit']).default('human'),
    )
    .option('--max-warnings <count>', 'how many warnings are no failure', parseCount, 0)
    .option('--ignore <rule>', 'rule that is not applied; may be given several times', repeatable)
    .option('--fix', 'mend what can be mended without harm, in place; comments stay')
    .action(async (files: readonly string[], options: LintCommandOptions, self: Command) => {
      await runLint(files, options, self, cli);
    });
  withExamples(
    command,
    'credentialflow apisix lint apisix.yaml config.yaml',
    'credentialflow apisix lint -f team-a.yaml -f team-b.yaml k8s/*.yaml',
    'credentialflow apisix lint apisix.yaml --fix',
    'credentialflow apisix lint --admin http://127.0.0.1:9180 --admin-key-file admin.key',
    'credentialflow apisix lint apisix.yaml --schema http://127.0.0.1:9090',
    'credentialflow apisix lint adc.yaml --format sarif > lint.sarif',
  );
}

async function runLint(files: readonly string[], options: LintCommandOptions, self: Command, cli: Cli): Promise<void> {
  const { terminal } = cli;
  const { lint, countBySeverity, schemaRuleId } = await import('../gateway/lint/lint.ts');
  const { rules } = await import('../gateway/lint/rules/index.ts');
  const { parseVersion } = await import('../gateway/lint/read/versions.ts');
  const { readYaml } = await import('../config/yaml-documents.ts');
  const { presets } = await import('../presets/index.ts');
  const unknown = options.ignore?.find((id) => id !== schemaRuleId && !rules.some((rule) => rule.id === id));
  if (unknown !== undefined) throw usageFailure(`there is no rule ${unknown}`, 'docs/lint-rules.md lists them');
  const version = options.gatewayVersion === undefined ? undefined : parseVersion(options.gatewayVersion);
  if (options.gatewayVersion !== undefined && version === undefined) {
    throw usageFailure(`--gateway-version ${options.gatewayVersion} is no version`, 'e.g. 3.18');
  }
  const { admin, control, schema, fix } = options;
  if (files.length === 0 && admin === undefined && control === undefined) {
    const fix = 'name files of the gateway, or --admin http://127.0.0.1:9180';
    throw usageFailure(
      'there is nothing to read',
      options.resources === undefined ? fix : `-f is for resources: ${fix}`,
    );
  }
  if (fix === true && files.length === 0) throw usageFailure('--fix mends files', '`apisix sync` writes to a gateway');
  const { configurations, schemas } =
    admin === undefined && control === undefined && schema === undefined
      ? { configurations: [], schemas: undefined }
      : await (await import('./lint-live.ts')).readLive(options, terminal);
  const inputs = [...readInputs(files, terminal), ...configurations.flatMap((one) => one.inputs)];
  const known = await readKnownUpstreams(options.resources ?? [], terminal.cwd);
  const judge = (texts: readonly InputFile[]) =>
    lint(
      texts,
      { ignore: options.ignore ?? [], version: version ?? configurations.find((one) => one.version)?.version },
      { presets, known, schemas, readDocuments: (text, file) => readYaml(text, file, { mergeKeys: true }) },
    );
  let result = judge(inputs);
  const unreadable = result.problems.filter(({ severity }) => severity === 'error');
  if (unreadable.length > 0) throw unreadableInput(unreadable);
  if (fix === true) {
    const { fixFiles } = await import('./lint-fix.ts');
    result = judge(fixFiles(inputs, result, terminal));
  }
  const { findings } = result;
  if (result.guarded === 0)
    terminal.err('no route that was read asks the sidecar: most rules had nothing to look at\n');
  const checked = [
    ...inputs.filter(({ live }) => live !== true).map(({ file }) => file),
    ...[admin, control].filter((url) => url !== undefined),
  ];
  await report(findings, checked, options, self, cli);
  const counts = countBySeverity(findings);
  if (counts.error > 0 || counts.warning > options.maxWarnings) cli.finish(exitCodes.invalid);
}

function unreadableInput(problems: readonly Problem[]): CliFailure {
  return new CliFailure(exitCodes.failed, 'the input cannot be read', { code: 'unreadable', problems });
}

async function report(
  findings: readonly Finding[],
  checked: readonly string[],
  { format }: LintCommandOptions,
  self: Command,
  cli: Cli,
): Promise<void> {
  const { terminal } = cli;
  const { countBySeverity } = await import('../gateway/lint/lint.ts');
  if (format === 'sarif') {
    const { formatSarif } = await import('../gateway/lint/report/sarif.ts');
    terminal.out(`${formatSarif(findings, readVersion())}\n`);
  } else if (format === 'junit') {
    const { formatJunit } = await import('../gateway/lint/report/junit.ts');
    terminal.out(`${formatJunit(findings, checked)}\n`);
  } else {
    const counts = countBySeverity(findings);
    const value = { ok: counts.error + counts.warning === 0, checked, counts, findings };
    if (format === 'json' && !globalsOf(self).json) terminal.out(`${JSON.stringify(value)}\n`);
    else {
      const { formatHuman, formatSummary } = await import('../gateway/lint/report/human.ts');
      cli.print(self, value, () =>
        [
          ...(findings.length === 0 ? [] : [formatHuman(findings, terminal.paintOut), '']),
          formatSummary(counts, checked),
        ].join('\n'),
      );
    }
  }
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0) throw new InvalidArgumentError('a whole number from 0 on is expected.');
  return count;
}
