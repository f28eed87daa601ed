/** examples/compose and the Dockerfile, as far as they can be checked without a container engine. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { startProvider } from '../gateway/provider.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { shippedApisixYaml, startGateway } from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';
import {
  builtServices,
  composeText,
  dotEnv,
  environmentOf,
  folder,
  mountedAt,
  profiles,
  root,
  serviceOf,
  services,
  servicesOf,
  volumes,
} from './compose-file.ts';

const envNames = readFileSync(join(folder, '.env.example'), 'utf8')
  .split('\n')
  .filter((line) => /^\w+=/.test(line))
  .map((line) => line.slice(0, line.indexOf('=')));
const gateways = Object.entries(services).filter(([, { image }]) => image?.startsWith('apache/apisix'));
const sidecars = builtServices().filter(([, { command }]) => command === undefined);

describe('examples/compose', () => {
  it('mounts only files that exist, and volumes that are declared', () => {
    const used = new Set<string>();
    for (const [name, { volumes: mounts = [] }] of Object.entries(services)) {
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        used.add(source);
        if (source.startsWith('.')) assert.ok(statSync(resolve(folder, source)).isFile(), `${name}: ${source}`);
        else assert.ok(source in volumes, `${name}: ${source}`);
      }
    }
    for (const name of Object.keys(volumes)) assert.ok(used.has(name), `nobody uses the volume ${name}`);
  });
  it('builds from a folder with a Dockerfile', () => {
    for (const [name, { build }] of builtServices()) {
      assert.ok(existsSync(join(resolve(folder, build?.context ?? ''), 'Dockerfile')), name);
    }
    assert.deepEqual(sidecars.map(([name]) => name).sort(), ['credentialflow', 'sidecar-a', 'sidecar-b']);
  });
  it('names in .env.example exactly the variables that it uses, and gives none a default', () => {
    const used = [...composeText.matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)];
    assert.deepEqual([...new Set(used.map(([, name]) => name))].sort(), [...envNames].sort());
    for (const [, name, rest] of used) assert.match(rest ?? '', /^:\?/, `${name ?? ''} may be missing unnoticed`);
  });
  it('has a README whose first lines make every variable of .env', () => {
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    const made = [...readme.slice(0, readme.indexOf('} > .env')).matchAll(/echo "(\w+)=/g)].map(([, name]) => name);
    assert.deepEqual(made.sort(), [...envNames].sort());
    assert.deepEqual(Object.keys(dotEnv).sort(), [...envNames].sort());
  });
  it('starts each service in a profile, and one form unless the other is asked for', () => {
    for (const [name, service] of Object.entries(services)) {
      assert.ok((service.profiles ?? []).length > 0, `${name} would start in either form`);
      for (const profile of service.profiles ?? [])
        assert.ok(
          profiles.some((known) => known === profile),
          profile,
        );
    }
    assert.match(readFileSync(join(folder, '.env.example'), 'utf8'), /^COMPOSE_PROFILES=single$/m);
    assert.deepEqual(Object.keys(servicesOf('single')).sort(), [
      'apisix',
      'credentialflow',
      'grafana',
      'prometheus',
      'redis',
    ]);
  });
  for (const profile of profiles) {
    it(`refers, in the profile ${profile}, only to services that it starts, and publishes no port twice`, () => {
      const started = servicesOf(profile);
      for (const [name, { depends_on = {}, network_mode = '' }] of Object.entries(started)) {
        const [, shared] = network_mode.split('service:');
        for (const other of [...Object.keys(depends_on), ...(shared === undefined ? [] : [shared])]) {
          assert.ok(other in started, `${name} needs ${other}`);
        }
      }
      const published = Object.values(started).flatMap(({ ports = [] }) => ports.map((port) => port.split(':')[1]));
      assert.equal(new Set(published).size, published.length, published.join(', '));
    });
  }
  it('gives each gateway every variable that apisix.yaml reads, and the two configuration files', () => {
    assert.equal(gateways.length, 3);
    for (const [name, { environment = {}, volumes: mounts = [] }] of gateways) {
      for (const [, variable = ''] of shippedApisixYaml().matchAll(/\$\{\{(\w+)\}\}/g)) {
        assert.ok(variable in environment, `${name}: ${variable}`);
      }
      assert.equal(environment['APISIX_STAND_ALONE'], 'true');
      for (const file of ['config.yaml', 'apisix.yaml']) {
        assert.ok(mounts.includes(`../../apisix-conf/${file}:/usr/local/apisix/conf/${file}:ro`), `${name}: ${file}`);
      }
    }
  });
  it('keeps secrets off the bridge and the sidecars locked down', () => {
    for (const [name, service] of builtServices()) {
      const { read_only, ulimits, cap_drop, environment = {}, network_mode = '' } = service;
      assert.deepEqual([read_only, ulimits?.core, cap_drop], [true, 0, ['ALL']], name);
      assert.ok(
        gateways.some(([gateway]) => network_mode === `service:${gateway}`),
        `${name} is in no gateway's namespace`,
      );
      assert.equal(environment['CREDENTIALFLOW_DATA_LISTEN'], undefined, name);
      assert.equal(environment['CREDENTIALFLOW_ADMIN_LISTEN'], undefined, name);
    }
    const shared = sidecars.map(([, { network_mode }]) => network_mode);
    assert.equal(new Set(shared).size, sidecars.length, 'two sidecars would want the same ports');
  });
  it('puts no secret among the arguments of a process', () => {
    for (const [name, { command = [], healthcheck }] of Object.entries(services)) {
      assert.doesNotMatch(JSON.stringify([command, healthcheck]), /(?<!\$)\$\{/, name);
    }
  });
  it('gives the sidecars of the fleet one environment, and the store that is there', () => {
    assert.deepEqual(environmentOf('sidecar-a'), environmentOf('sidecar-b'));
    const store = new URL(environmentOf('sidecar-a')['CREDENTIALFLOW_STORE'] ?? '');
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = environmentOf('postgres');
    assert.deepEqual(
      [store.hostname, store.username, store.password, store.pathname.slice(1)],
      ['postgres', POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB],
    );
    const { network_mode, restart } = serviceOf('apply');
    assert.deepEqual([network_mode, restart], [serviceOf('sidecar-a').network_mode, 'no']);
  });
  it('publishes ports on the loopback only', () => {
    for (const { ports = [] } of Object.values(services))
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  });
  it('lets Prometheus scrape where the sidecars of its form listen', () => {
    for (const [form, file] of [
      ['single', 'prometheus.yml'],
      ['fleet', 'prometheus-fleet.yml'],
    ] as const) {
      const started = servicesOf(form);
      const prometheus = Object.values(started).find(({ image }) => image?.startsWith('prom/prometheus'));
      assert.deepEqual(prometheus?.volumes, [
        `./${file}:/etc/prometheus/prometheus.yml:ro`,
        '../prometheus/alerts.yml:/etc/prometheus/alerts.yml:ro',
      ]);
      const scraped = parse(readFileSync(join(folder, file), 'utf8')) as {
        readonly scrape_configs: readonly {
          readonly static_configs: readonly { readonly targets: readonly string[] }[];
        }[];
      };
      const expected = sidecars
        .filter(([name]) => name in started)
        .map(([, { network_mode = '', environment = {} }]) => {
          const [, port = ''] = environment['CREDENTIALFLOW_METRICS_LISTEN']?.split(':') ?? [];
          return `${network_mode.replace('service:', '')}:${port}`;
        });
      assert.deepEqual(scraped.scrape_configs[0]?.static_configs[0]?.targets, expected);
    }
  });
});

describe('the sidecar of examples/compose', () => {
  let redis: TestRedis;
  let provider: ScriptedServer;
  let sidecar: RunningSidecar;
  let gateway: StandInGateway;

  before(async () => {
    redis = await startRedis({ password: dotEnv.REDIS_PASSWORD });
    provider = await startProvider('openai', dotEnv.OPENAI_API_KEY);
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
    const { CREDENTIALFLOW_DATA_DIR: _inContainer, ...filled } = environmentOf('credentialflow');
    return {
      ...filled,
      CREDENTIALFLOW_RESOURCES: mountedAt('credentialflow', filled['CREDENTIALFLOW_RESOURCES'] ?? ''),
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
    assert.equal(provider.received.at(-1)?.headers.authorization, `Bearer ${dotEnv.OPENAI_API_KEY}`);
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
