/** examples/compose and the Dockerfile, as far as they can be checked without a container engine. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { startProvider } from '../gateway/provider.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { shippedApisixYaml, startGateway } from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
  readonly read_only?: boolean;
  readonly ulimits?: { readonly core?: number };
  readonly cap_drop?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'examples/compose');
const text = readFileSync(join(folder, 'docker-compose.yaml'), 'utf8');
const { services, volumes } = parse(text) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const serviceOf = (name: string): Service => services[name] ?? assert.fail(`there is no service ${name}`);
const envNames = readFileSync(join(folder, '.env.example'), 'utf8')
  .split('\n')
  .filter((line) => /^\w+=/.test(line))
  .map((line) => line.slice(0, line.indexOf('=')));

/** `${NAME:?…}` as compose fills it in. */
const fill = (value: string, env: Readonly<Record<string, string>>): string =>
  value.replaceAll(/\$\{(\w+)(?::\?[^}]*)?\}/g, (_, name: string) => env[name] ?? assert.fail(`${name} is not set`));

describe('examples/compose', () => {
  it('mounts only files that exist, and volumes that are declared', () => {
    for (const [name, { volumes: mounts = [] }] of Object.entries(services)) {
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        if (source.startsWith('.')) assert.ok(statSync(resolve(folder, source)).isFile(), `${name}: ${source}`);
        else assert.ok(source in volumes, `${name}: ${source}`);
      }
    }
  });
  it('builds from a folder with a Dockerfile', () => {
    const context = resolve(folder, serviceOf('credentialflow').build?.context ?? '');
    assert.ok(existsSync(join(context, 'Dockerfile')));
  });
  it('names in .env.example exactly the variables that it uses, and gives none a default', () => {
    const used = [...text.matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)];
    assert.deepEqual([...new Set(used.map(([, name]) => name))].sort(), [...envNames].sort());
    for (const [, name, rest] of used) assert.match(rest ?? '', /^:\?/, `${name ?? ''} may be missing unnoticed`);
  });
  it('gives the gateway every variable that apisix.yaml reads, and the two configuration files', () => {
    const { environment = {}, volumes: mounts = [] } = serviceOf('apisix');
    for (const [, name = ''] of shippedApisixYaml().matchAll(/\$\{\{(\w+)\}\}/g)) assert.ok(name in environment, name);
    assert.equal(environment['APISIX_STAND_ALONE'], 'true');
    for (const file of ['config.yaml', 'apisix.yaml']) {
      assert.ok(mounts.includes(`../../apisix-conf/${file}:/usr/local/apisix/conf/${file}:ro`), file);
    }
  });
  it('keeps secrets off the bridge and the sidecar locked down', () => {
    const sidecar = serviceOf('credentialflow');
    assert.equal(sidecar.network_mode, 'service:apisix');
    assert.deepEqual([sidecar.read_only, sidecar.ulimits?.core, sidecar.cap_drop], [true, 0, ['ALL']]);
    assert.equal(sidecar.environment?.['CREDENTIALFLOW_DATA_LISTEN'], undefined);
    assert.equal(sidecar.environment?.['CREDENTIALFLOW_ADMIN_LISTEN'], undefined);
  });
  it('publishes ports on the loopback only', () => {
    for (const { ports = [] } of Object.values(services))
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  });
  it('lets Prometheus scrape where the sidecar listens', () => {
    const file = parse(readFileSync(join(folder, 'prometheus.yml'), 'utf8')) as {
      readonly scrape_configs: readonly {
        readonly static_configs: readonly { readonly targets: readonly string[] }[];
      }[];
    };
    const port = serviceOf('credentialflow').environment?.['CREDENTIALFLOW_METRICS_LISTEN']?.split(':')[1];
    assert.deepEqual(file.scrape_configs[0]?.static_configs[0]?.targets, [`apisix:${port ?? ''}`]);
  });
});

describe('the sidecar of examples/compose', () => {
  const env = {
    CREDENTIALFLOW_GATEWAY_KEY: `cfg_${'a1'.repeat(32)}`,
    CREDENTIALFLOW_LOG_KEY: `cfl_${'b2'.repeat(32)}`,
    REDIS_PASSWORD: 'c3'.repeat(24),
    OPENAI_API_KEY: 'sk-of-the-compose-test',
  };
  let redis: TestRedis;
  let provider: ScriptedServer;
  let sidecar: RunningSidecar;
  let gateway: StandInGateway;

  before(async () => {
    redis = await startRedis({ password: env.REDIS_PASSWORD });
    provider = await startProvider('openai', env.OPENAI_API_KEY);
    sidecar = await startSidecar({ env: environment() });
    gateway = await startGateway(sidecar, { nodes: { openai: provider.url } });
  });
  after(async () => {
    await gateway.stop();
    await sidecar.stop();
    await provider.stop();
    await redis.stop();
  });

  /** The service's own environment; only the places of a container become places of this machine. */
  function environment(): Record<string, string> {
    const { environment: declared = {}, volumes: mounts = [] } = serviceOf('credentialflow');
    const filled = Object.fromEntries(Object.entries(declared).map(([name, value]) => [name, fill(value, env)]));
    const mounted = mounts.find((mount) => mount.split(':')[1] === filled['CREDENTIALFLOW_RESOURCES']);
    const { CREDENTIALFLOW_DATA_DIR: _inContainer, ...rest } = filled;
    return {
      ...rest,
      CREDENTIALFLOW_RESOURCES: resolve(folder, mounted?.split(':')[0] ?? 'not mounted'),
      CREDENTIALFLOW_CACHE: filled['CREDENTIALFLOW_CACHE']?.replace('redis:6379', `${redis.host}:${redis.port}`) ?? '',
      CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    };
  }

  it('starts with exactly that environment, with Redis, and says nothing is wrong', async () => {
    assert.equal((await fetch(`${sidecar.urls.data}/readyz`)).status, 200);
    assert.match(sidecar.logs.find((line) => line.includes('"event":"ready"')) ?? '', /"cache":"redis"/);
    // On a busy machine Redis may answer later than its time-out allows, for a moment: that is told, and is over.
    const told = sidecar.logs.filter(
      (line) => /"level":"(warn|error)"/.test(line) && !line.includes('"event":"cache_'),
    );
    assert.deepEqual(told, []);
    let reasons: unknown;
    for (let i = 0; i < 50 && !(Array.isArray(reasons) && reasons.length === 0); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ({ reasons } = (await (await fetch(`${sidecar.urls.data}/readyz`)).json()) as { reasons: unknown });
    }
    assert.deepEqual(reasons, []);
  });
  it('lets the consumer of its resource file through the gateway with the same keys', async () => {
    const { token } = await sidecar.issueToken('team-search');
    const response = await fetch(`${gateway.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: '{}',
    });
    assert.equal(response.status, 200);
    assert.equal(provider.received.at(-1)?.headers.authorization, `Bearer ${env.OPENAI_API_KEY}`);
  });
  it('answers the command that the README types, and the image’s health check', async () => {
    const issued = await sidecar.cli(['token', 'issue', '--consumer', 'team-search', '--ttl', '30d']);
    assert.equal(issued.code, 0, issued.stderr);
    assert.equal((await sidecar.cli(['health'])).code, 0);
  });
});

describe('the Dockerfile', () => {
  const lines = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ').split('\n');
  const instructions = lines.filter((line) => /^[A-Z]+ /.test(line));
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const last = (name: string): string => instructions.findLast((line) => line.startsWith(`${name} `)) ?? '';

  it('copies only what exists and what .dockerignore lets in', () => {
    const copied = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    assert.ok(copied.length > 0);
    for (const path of copied) {
      assert.ok(existsSync(join(root, path)), path);
      assert.ok(allowed.includes(path.replace(/^\.\//, '')), `${path} is ignored`);
    }
    for (const path of allowed) assert.ok(copied.includes(path), `${path} is let in for nothing`);
  });
  it('runs as a numeric user that is not root', () => {
    assert.match(last('USER'), /^USER [1-9]\d*:[1-9]\d*$/);
  });
  it('keeps its state in the one volume', () => {
    const [, volume] = last('VOLUME').split(' ');
    assert.ok(instructions.some((line) => line.includes(`CREDENTIALFLOW_DATA_DIR=${volume ?? ''}`)));
  });
  it('asks the program itself whether it is healthy', () => {
    assert.match(last('HEALTHCHECK'), /CMD \["credentialflow", "health"\]$/);
    assert.ok(
      instructions.some((line) => line.includes('ln -s /app/bin/credentialflow.js /usr/local/bin/credentialflow')),
    );
    assert.ok(
      (statSync(join(root, 'bin/credentialflow.js')).mode & 0o111) !== 0,
      'bin/credentialflow.js is not executable',
    );
  });
  it('starts what the package declares, with flags that this Node knows', () => {
    const [command, ...flags] = JSON.parse(last('ENTRYPOINT').slice('ENTRYPOINT '.length)) as [string, ...string[]];
    const program = flags.pop() ?? '';
    assert.equal(command, 'node');
    for (const flag of flags) assert.ok(process.allowedNodeEnvironmentFlags.has(flag.replace(/=.*/, '')), flag);
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { credentialflow: string } };
    assert.equal(program, join('/app', bin.credentialflow));
    assert.equal(dirname(program), '/app/bin');
  });
});
