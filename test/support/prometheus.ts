/** A real Prometheus for a test: on a free port, in a folder of its own, gone when this process is gone. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

export interface PrometheusOptions {
  /** `host:port`. */
  readonly targets: readonly string[];
  readonly scrapeInterval: string;
  /** Absolute. */
  readonly ruleFiles: readonly string[];
}

export interface TestPrometheus {
  /** Origin, without a slash at the end. */
  readonly url: string;
  /** `data` of an answer of its API. */
  api(path: string): Promise<unknown>;
  /** The first value of an instant query; undefined: there is none. */
  value(query: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** Undefined: it is there. Otherwise why a test is skipped. */
export function prometheusIsMissing(): string | undefined {
  const missing = ['prometheus', 'promtool'].filter((name) => spawnSync(name, ['--version']).status !== 0);
  return missing.length === 0 ? undefined : `${missing.join(' and ')} not on the PATH`;
}

export interface PromtoolResult {
  readonly code: number | null;
  readonly output: string;
}

export function promtool(args: readonly string[], input?: string): PromtoolResult {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
  return { code: status, output: stdout + stderr };
}

export async function startPrometheus(options: PrometheusOptions): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'cf-prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: options.scrapeInterval, evaluation_interval: '1s' },
    rule_files: options.ruleFiles,
    scrape_configs: [{ job_name: 'credentialflow', static_configs: [{ targets: options.targets }] }],
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${String(port)}`,
      '--log.level=warn',
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const kill = (): void => void child.kill('SIGKILL');
  // Whatever ends this process must not leave a server behind.
  process.once('exit', kill);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const gone = once(child, 'exit');
  const url = `http://127.0.0.1:${String(port)}`;
  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}/api/v1${path}`);
    const { data } = (await response.json()) as { data: unknown };
    return data;
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await gone;
    process.off('exit', kill);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(output);
      return fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    }, 'Prometheus is ready');
  } catch (error) {
    kill();
    await stop();
    throw error;
  }
  return {
    url,
    api,
    async value(query) {
      const { result } = (await api(`/query?query=${encodeURIComponent(query)}`)) as {
        readonly result: readonly { readonly value: readonly [number, string] }[];
      };
      return result[0] === undefined ? undefined : Number(result[0].value[1]);
    },
    stop,
  };
}
