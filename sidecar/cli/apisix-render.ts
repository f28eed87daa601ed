import type { Command } from 'commander';
import { Option } from 'commander';
import { resolve } from 'node:path';
import type { Format } from '../gateway/render/formats/format.ts';
import { addSourceOptions, readApisixSource } from './apisix-source.ts';
import type { SourceOptions } from './apisix-source.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';

/** In the order of gateway/render/formats/index.ts, which is loaded on use; a test holds the two together. */
export const formatIds = ['standalone', 'admin-api', 'adc', 'ingress-v2', 'gateway-api'] as const;

interface RenderOptions extends SourceOptions {
  readonly format: (typeof formatIds)[number];
  readonly gatewayConfig?: boolean;
  readonly output?: string;
  readonly namespace?: string;
  readonly ingressClass: string;
  readonly gatewayName: string;
}

export function addApisixRenderCommand(apisix: Command, cli: Cli): void {
  const command = addSourceOptions(
    apisix
      .command('render')
      .description("write the gateway's configuration from resource files, offline")
      .addOption(
        new Option('--format <form>', 'the form to write, e.g. --format adc').choices(formatIds).default('standalone'),
      ),
  )
    .option('--gateway-config', 'write what config.yaml of APISIX needs beside it')
    .option('-o, --output <file>', 'replace this file at once instead of printing, e.g. apisix.yaml')
    .option('--namespace <name>', 'namespace of the Kubernetes objects (default: left to kubectl), e.g. gateway')
    .option('--ingress-class <name>', 'ingress class of the controller (ingress-v2), e.g. apisix-internal', 'apisix')
    .option('--gateway-name <name>', 'Gateway that the routes join (gateway-api), e.g. public', 'apisix')
    .action(async (options: RenderOptions, self: Command) => {
      const format = await findFormat(options.format);
      const { text, routes } =
        options.gatewayConfig === true
          ? { text: format.configuration(), routes: [] }
          : await render(format, options, self, cli);
      const about = { format: format.id, routes };
      if (options.output === undefined) {
        cli.print(self, { ...about, text }, () => text);
        return;
      }
      const changed = await write(resolve(cli.terminal.cwd, options.output), text, options.output);
      cli.print(self, { ...about, file: options.output, changed }, () =>
        changed ? `Wrote ${options.output ?? ''}.` : `${options.output ?? ''} is up to date.`,
      );
    });
  withExamples(
    command,
    'credentialflow apisix render -f resources.yaml > apisix.yaml',
    'credentialflow apisix render -f resources.yaml --output /usr/local/apisix/conf/apisix.yaml',
    'credentialflow apisix render --gateway-config > config.yaml',
    'credentialflow apisix render -f team-a.yaml team-b.yaml --format adc -o adc.yaml',
    'credentialflow apisix render --format gateway-api --namespace gateway --gateway-name public | kubectl apply -f -',
    'credentialflow apisix render -f resources.yaml --from-authentication authentication.json',
  );
}

async function findFormat(id: string): Promise<Format> {
  const { formats } = await import('../gateway/render/formats/index.ts');
  const format = formats.find((known) => known.id === id);
  if (format === undefined) throw new RangeError(`the form ${id} is not known`);
  return format;
}

async function render(
  format: Format,
  options: RenderOptions,
  self: Command,
  cli: Cli,
): Promise<{ readonly text: string; readonly routes: readonly string[] }> {
  const source = await readApisixSource(options, self, cli);
  const configuration = await source.build(format.wiring);
  const { namespace, ingressClass, gatewayName } = options;
  const text = format.write(configuration, {
    minimumVersion: source.minimumVersion,
    namespace,
    ingressClass,
    gatewayName,
  });
  return { text, routes: configuration.routes.map(({ id }) => id) };
}

async function write(path: string, text: string, name: string): Promise<boolean> {
  const { replaceFile } = await import('../gateway/replace-file.ts');
  try {
    return replaceFile(path, text);
  } catch (error) {
    throw new CliFailure(exitCodes.failed, `${name} cannot be written`, {
      fix: 'its directory must exist, and be writable',
      cause: error,
    });
  }
}
