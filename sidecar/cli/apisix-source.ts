import type { Command } from 'commander';
import { relative, resolve } from 'node:path';
import { createUpstreamReads, isPassableArg, type ConditionReads } from '../core/condition-reads.ts';
import { hasErrors } from '../config/problems.ts';
import type { Problem } from '../core/error.ts';
import type { CredentialSpec, PolicySpec, UpstreamSpec } from '../core/resources.ts';
import type { BuildOptions, RenderSource } from '../gateway/render/build-configuration.ts';
import type { Authentication } from '../gateway/render/from-authentication.ts';
import type { GatewayConfiguration } from '../gateway/render/gateway-configuration.ts';
import type { Wiring } from '../gateway/render/wiring.ts';
import type { Declaration } from '../resources/parse.ts';
import type { Cli } from './cli.ts';
import { endpointOf } from './endpoint.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { formatPlace } from './format-problem.ts';
import { readResourceTexts } from './resource-texts.ts';
import { readFile } from './read-file.ts';

/** What says which configuration is meant; the same for render, diff and sync. */
export interface SourceOptions {
  readonly resources?: readonly string[];
  readonly sidecar?: string;
  readonly minVersion: string;
  readonly fromAuthentication?: string;
}

export interface ApisixSource {
  readonly minimumVersion: string;
  /** The resource files, absolute. */
  readonly files: readonly string[];
  build(wiring: Wiring): Promise<GatewayConfiguration>;
}

export function addSourceOptions(command: Command): Command {
  return command
    .option('-f, --resources <file...>', 'resource files (default: those that the configuration names)')
    .option(
      '--sidecar <url>',
      'where the gateway reaches the sidecar (default: the data listener, http://127.0.0.1:9280), e.g. https://cf.internal:9280',
    )
    .option('--min-version <version>', 'oldest APISIX it must run on: 3.17 or newer, e.g. 3.18', '3.17')
    .option(
      '--from-authentication <file>',
      'take the sidecar from {"authentication": {"type": "Bearer", "credentialURL": "http://127.0.0.1:9280"}}',
    );
}

/** Reads everything and says every problem at once; warnings go to stderr, those of `warned` not again. */
export async function readApisixSource(
  options: SourceOptions,
  self: Command,
  cli: Cli,
  warned: Set<string> = new Set(),
): Promise<ApisixSource> {
  const { readMinimumVersion } = await import('../gateway/render/minimum-version.ts');
  const version = readMinimumVersion(options.minVersion);
  if ('refusal' in version) throw usageFailure(`--min-version ${options.minVersion}: ${version.refusal}`);
  const { cwd } = cli.terminal;
  const local = await cli.local(self);
  const named = options.resources?.map((file) => resolve(cwd, file)) ?? local.config.resources.files;
  if (named.length === 0) {
    throw usageFailure(
      'there are no resource files',
      'name them: -f resources.yaml, or `resources.files` of the configuration',
    );
  }
  const authentication = await readAuthenticationFile(options.fromAuthentication, cli);
  const data = endpointOf(local.config.listen, 'data');
  const sidecarUrl = authentication?.sidecarUrl ?? readSidecarUrl(options.sidecar, data);
  const read = await readSource(named, cwd);
  const source = narrowed(read.source, authentication);
  const warnings = [
    ...(authentication?.warnings ?? []),
    ...aboutAddress(sidecarUrl),
    ...read.warnings,
    ...(authentication === undefined ? [] : await deafToBearer(source)),
    ...neverPassed(source),
  ];
  warn(cli, warnings, warned);
  return {
    minimumVersion: `${version.major}.${version.minor}`,
    files: named,
    build: (wiring) =>
      build(source, {
        sidecarUrl,
        wiring: authentication?.upstream === undefined ? wiring : { ...wiring, bindBy: 'upstream' },
      }),
  };
}

async function build(source: RenderSource, options: BuildOptions): Promise<GatewayConfiguration> {
  const { buildConfiguration } = await import('../gateway/render/build-configuration.ts');
  const { presets } = await import('../presets/index.ts');
  const built = buildConfiguration(source, options, { presets });
  if (!('conflicts' in built)) return built;
  const problems = built.conflicts.map((message): Problem => ({ severity: 'error', message }));
  throw new CliFailure(exitCodes.invalid, 'no gateway can route these resources', {
    code: 'resource_invalid',
    problems,
  });
}

async function readSource(
  files: readonly string[],
  cwd: string,
): Promise<{ readonly source: RenderSource; readonly warnings: readonly string[] }> {
  const { parseResourceFiles } = await import('../resources/parse.ts');
  const { conditionReads, resourceDeps } = await import('../resource-deps.ts');
  const { texts, problems: unreadable } = readResourceTexts(files);
  const { mutations, problems: found } = parseResourceFiles(texts, resourceDeps);
  const problems = [...unreadable, ...found].map((problem) =>
    problem.file === undefined ? problem : { ...problem, file: relative(cwd, problem.file) },
  );
  if (hasErrors(problems)) {
    throw new CliFailure(exitCodes.invalid, 'the resources are not valid', { code: 'resource_invalid', problems });
  }
  // Each line is marked as a warning where it is printed.
  const warnings = problems.map((problem) => formatPlace({ ...problem, severity: 'error' }));
  return { source: toSource(mutations, conditionReads), warnings };
}

function toSource(mutations: readonly Declaration[], readsOf: (when: string) => ConditionReads): RenderSource {
  const puts = mutations.filter((mutation) => mutation.op === 'put');
  const policies = puts.flatMap((put) => (put.kind === 'policy' ? [put.spec as PolicySpec] : []));
  return {
    upstreams: puts.flatMap((put) => (put.kind === 'upstream' ? [{ id: put.id, spec: put.spec as UpstreamSpec }] : [])),
    credentials: puts.flatMap((put) => (put.kind === 'credential' ? [put.spec as CredentialSpec] : [])),
    reads: createUpstreamReads(policies, readsOf),
  };
}

async function readAuthenticationFile(name: string | undefined, cli: Cli): Promise<Authentication | undefined> {
  if (name === undefined) return undefined;
  const { readAuthentication } = await import('../gateway/render/from-authentication.ts');
  const read = readAuthentication(readText(resolve(cli.terminal.cwd, name), name));
  if (!('refusal' in read)) return read;
  throw new CliFailure(exitCodes.invalid, `${name}: ${read.refusal}`, { code: 'config_invalid' });
}

/** The upstream that the authentication names, or all. */
function narrowed(source: RenderSource, authentication: Authentication | undefined): RenderSource {
  const upstream = authentication?.upstream;
  if (upstream === undefined) return source;
  const upstreams = source.upstreams.filter(({ id }) => id === upstream);
  if (upstreams.length > 0) return { ...source, upstreams };
  throw new CliFailure(exitCodes.invalid, `the resources have no upstream "${upstream}", which credentialURL names`, {
    code: 'resource_invalid',
  });
}

/** An authentication says Bearer; these upstreams read their token elsewhere. */
async function deafToBearer({ upstreams }: RenderSource): Promise<readonly string[]> {
  const { presets } = await import('../presets/index.ts');
  return upstreams.flatMap(({ id, spec }) => {
    const slots = spec.token_slots ?? presets.get(spec.preset)?.tokenSlots ?? [];
    if (slots.some(({ header }) => header === 'authorization')) return [];
    return [`upstream ${id} takes no Bearer token, but one in ${slots.map(({ header }) => header).join(' or ')}`];
  });
}

/** Fields of the body that conditions read and no gateway can pass. */
function neverPassed({ upstreams, reads }: RenderSource): readonly string[] {
  return upstreams.flatMap(({ id }) =>
    reads(id)
      .args.filter((name) => !isPassableArg(name))
      .map((name) => `upstream ${id}: request.arg("${name}") is never passed, no variable of APISIX has a hyphen`),
  );
}

function readSidecarUrl(
  option: string | undefined,
  data: { readonly baseUrl: string; readonly socketPath?: string },
): string {
  if (option === undefined) {
    if (data.socketPath === undefined) return data.baseUrl;
    throw usageFailure(
      'the sidecar listens on a unix socket, which forward-auth cannot ask',
      'listen on an address, or name it with --sidecar',
    );
  }
  const url = URL.canParse(option) ? new URL(option) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.origin !== option.replace(/\/$/, '')) {
    throw usageFailure('--sidecar must be the origin of the sidecar', 'such as http://127.0.0.1:9280');
  }
  return url.origin;
}

function aboutAddress(sidecarUrl: string): readonly string[] {
  const { protocol, hostname } = new URL(sidecarUrl);
  if (/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) return [];
  if (protocol === 'http:')
    return [`secrets travel from ${hostname} to the gateway in clear: use https, or the loopback`];
  // A certificate's IP address is not looked at (facts, 1).
  return /^[\d.]+$|^\[/.test(hostname)
    ? [`${hostname} is an address: APISIX checks certificates by DNS name only`]
    : [];
}

function readText(path: string, name: string): string {
  return readFile(path, name);
}

function warn(cli: Cli, warnings: readonly string[], warned: Set<string>): void {
  const { terminal } = cli;
  for (const warning of warnings) {
    if (warned.has(warning)) continue;
    warned.add(warning);
    terminal.err(`${terminal.paint('yellow', 'warning:')} ${warning}\n`);
  }
}
