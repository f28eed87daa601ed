import type { Command } from 'commander';
import { resolve } from 'node:path';
import type { DoctorReport } from '../gateway/doctor/doctor.ts';
import type { AdminApi } from './admin-api.ts';
import { addTargetOptions } from './apisix-target.ts';
import type { TargetOptions } from './apisix-target.ts';
import type { Cli } from './cli.ts';
import { describeReport, reportAsJson } from './doctor-report.ts';
import { withDoctorRoutes } from './doctor-routes.ts';
import { createLogTail } from './doctor-log-tail.ts';
import { endpointOf, parseEndpoint } from './endpoint.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { globalsOf } from './global-options.ts';
import { stopSignals } from './watch-signals.ts';

interface DoctorCommandOptions extends TargetOptions {
  readonly gateway: string;
  readonly sidecar?: string;
  readonly listen: string;
  readonly upstreamUrl?: string;
  readonly logFile?: readonly string[];
  readonly wait: string;
  readonly like?: string;
}

/** Whole exchange with the gateway; it waits 1.5 s for the sidecar. Milliseconds. */
const requestTimeoutMs = 10_000;

export function addApisixDoctorCommand(apisix: Command, cli: Cli): void {
  const command = addTargetOptions(
    apisix
      .command('doctor')
      .description('prove on a live gateway, with a throw-away token and secret, that nothing leaks or passes unasked')
      .option('--gateway <url>', 'where clients reach the gateway', 'http://127.0.0.1:9080'),
  )
    .option('--sidecar <url>', 'where the gateway reaches the sidecar (default: the data listener)')
    .option('--listen <address>', 'where this command listens as upstream, e.g. 0.0.0.0:9299', '127.0.0.1:0')
    .option('--upstream-url <url>', 'where the gateway reaches that (default: http:// and the address)')
    .option('--log-file <file...>', 'log files of the gateway that must not show the secret, e.g. logs/access.log')
    .option('--like <route>', 'prove forward-auth and http-logger of this route (default: what render makes)')
    .option('--wait <duration>', 'how long the gateway may take to have the routes, e.g. 2m', '30s')
    .action(async (options: DoctorCommandOptions, self: Command) => {
      const report = await cli.withAdmin(self, (api) => examineGateway(options, api, self, cli));
      finish(report, self, cli);
    });
  withExamples(
    command,
    'APISIX_ADMIN_KEY=… credentialflow apisix doctor --gateway http://127.0.0.1:9080 --admin http://127.0.0.1:9180',
    'credentialflow apisix doctor --file conf/apisix.yaml --log-file logs/access.log --log-file logs/error.log',
    'credentialflow apisix doctor --gateway https://gw.internal --listen 0.0.0.0:9299 --upstream-url http://10.0.0.5:9299 --json',
  );
}

async function examineGateway(
  options: DoctorCommandOptions,
  api: AdminApi,
  self: Command,
  cli: Cli,
): Promise<DoctorReport> {
  const { terminal } = cli;
  const gateway = readOrigin(options.gateway, '--gateway', 'http://127.0.0.1:9080');
  const serverUrl =
    options.upstreamUrl === undefined
      ? undefined
      : readOrigin(options.upstreamUrl, '--upstream-url', 'http://10.0.0.5:9299');
  const listen = readListen(options.listen);
  const routesWithinMs = await readWait(options.wait);
  const sidecarUrl = await sidecarOf(options.sidecar, self, cli);
  const [{ runDoctor }, { createVerbatimClient }, { startRecordingServer }, { systemClock }, { randomBase62 }] =
    await Promise.all([
      import('../gateway/doctor/doctor.ts'),
      import('../ops/verbatim-client.ts'),
      import('../ops/recording-server.ts'),
      import('../ops/clock.ts'),
      import('../keys/random-text.ts'),
    ]);
  const { resourceDeps } = await import('../resource-deps.ts');
  const readUpstream = await upstreamReader();
  const caller = createVerbatimClient({ origin: gateway, timeoutMs: requestTimeoutMs });
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  for (const signal of stopSignals) process.on(signal, interrupt);
  // The clock's timers keep no process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await withDoctorRoutes(options, cli, ({ place, wiring }) =>
      runDoctor(
        {
          sidecarUrl,
          serverUrl,
          wiring,
          routesWithinMs,
          like: options.like,
          logFiles: (options.logFile ?? []).map((name) => createLogTail(name, resolve(terminal.cwd, name))),
        },
        {
          admin: api,
          place,
          caller,
          readUpstream,
          presets: resourceDeps.presets,
          clock: systemClock,
          random: randomBase62,
          signal: interrupted.signal,
          say: (what) => {
            if (!globalsOf(self).json) terminal.err(`${terminal.paint('dim', `… ${what}`)}\n`);
          },
          startServer: async (answer) => {
            const server = await startRecordingServer(listen, answer);
            const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
            return { url: `http://${host}:${server.port}`, received: server.received, stop: () => server.stop() };
          },
        },
      ),
    );
  } finally {
    clearInterval(alive);
    for (const signal of stopSignals) process.off(signal, interrupt);
    caller.close();
  }
}

/** What was found on stdout; what could not be done, or taken back, as an error. */
function finish(report: DoctorReport, self: Command, cli: Cli): void {
  const { findings, left, failure } = report;
  if (failure === undefined || findings.length > 0) {
    cli.print(self, reportAsJson(report), () => describeReport(report, cli.terminal));
  }
  if (failure !== undefined) {
    const problems = left.map((what) => ({ severity: 'error' as const, message: `could not be removed: ${what}` }));
    if (failure instanceof CliFailure) {
      const { exitCode, message, code, fix, problems: own } = failure;
      throw new CliFailure(exitCode, message, {
        code,
        problems: [...own, ...problems],
        cause: failure,
        ...(fix === undefined ? {} : { fix }),
      });
    }
    throw new CliFailure(exitCodes.failed, failure instanceof Error ? failure.message : 'something failed inside', {
      code: 'doctor_stopped',
      problems,
      fix: 'look at --gateway, --admin or --file, and --sidecar; CREDENTIALFLOW_DEBUG=1 shows where',
      cause: failure,
    });
  }
  if (findings.some(({ outcome }) => outcome === 'failed')) cli.finish(exitCodes.findings);
  else if (left.length > 0) cli.finish(exitCodes.failed);
}

async function upstreamReader() {
  const { parseResourceBody } = await import('../resources/parse-body.ts');
  const { resourceDeps } = await import('../resource-deps.ts');
  return (document: Readonly<Record<string, unknown>>) => {
    const parsed = parseResourceBody('upstream', document, resourceDeps);
    if (parsed.ok) return parsed.spec;
    throw new CliFailure(exitCodes.invalid, 'the address of --upstream-url cannot be an upstream', {
      code: 'resource_invalid',
      problems: parsed.problems,
    });
  };
}

async function sidecarOf(option: string | undefined, self: Command, cli: Cli): Promise<string> {
  if (option !== undefined) return readOrigin(option, '--sidecar', 'http://127.0.0.1:9280');
  const { running, config } = await cli.local(self);
  const { baseUrl, socketPath } =
    running.data === undefined ? endpointOf(config.listen, 'data') : parseEndpoint(running.data);
  if (socketPath === undefined) return baseUrl;
  throw usageFailure('the data listener is a unix socket, which APISIX cannot ask', 'name an address with --sidecar');
}

function readOrigin(text: string, option: string, example: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, '')) return url.origin;
  throw usageFailure(`${option} must be an origin`, `such as ${example}`);
}

async function readWait(text: string): Promise<number> {
  const { parseDuration } = await import('../config/units.ts');
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1_000) return ms;
  throw usageFailure('--wait must be a duration of at least 1s', 'such as 30s');
}

function readListen(text: string): { readonly host: string; readonly port: number } {
  const [, v6, plain, port = ''] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = v6 ?? plain;
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
  throw usageFailure('--listen must be host:port', 'such as 127.0.0.1:0 (a free port)');
}
