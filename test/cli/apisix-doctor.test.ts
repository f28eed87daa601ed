/** `apisix doctor` against the stand-in gateway and the real sidecar: a healthy gateway, broken ones, and what is left. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { runProgram } from '../../sidecar/cli/program.ts';
import { replaceFile } from '../../sidecar/gateway/replace-file.ts';
import { startAdminStandIn } from '../gateway/admin-api.ts';
import { startScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInOptions } from '../gateway/stand-in.ts';
import type { ForwardAuth, HttpLogger, Route } from '../gateway/stand-in/configuration.ts';
import { shippedApisixYaml, startGateway } from '../support/gateway.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-doctor-'));
const shipped = shippedApisixYaml();

let sidecar: RunningSidecar;
before(async () => {
  sidecar = await startSidecar();
});
after(async () => {
  await sidecar.stop();
  rmSync(home, { recursive: true, force: true });
});

interface Check {
  readonly check: string;
  readonly outcome: string;
  readonly message: string;
  readonly fix?: string;
}

interface Report {
  readonly code: number;
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly left: readonly string[];
  readonly err: string;
}

interface Site {
  readonly url: string;
  readonly file: string;
}

let count = 0;

/** A gateway that follows a file of its own. */
async function withGateway<T>(options: Partial<StandInOptions>, use: (site: Site) => Promise<T>): Promise<T> {
  const file = join(home, `apisix-${++count}.yaml`);
  writeFileSync(file, shipped);
  const gateway = await startGateway(sidecar, { apisixYamlFile: file, ...options });
  try {
    return await use({ url: gateway.url, file });
  } finally {
    await gateway.stop();
  }
}

const environment = (): Record<string, string> => ({
  CREDENTIALFLOW_DATA_DIR: sidecar.dataDir,
  CREDENTIALFLOW_ADMIN_URL: sidecar.urls.admin,
});

/** A canary or a token: neither may be printed, whatever happens. */
const secrets = /cfcanary|cf_\w+_\w{20}/;

async function doctor(args: readonly string[], env: Record<string, string> = {}): Promise<Report> {
  const terminal = createFakeTerminal({ cwd: home, env: { ...environment(), ...env } });
  const code = await runProgram(['apisix', 'doctor', ...args, '--json'], terminal);
  const { out, err } = terminal.written;
  assert.doesNotMatch(out + err, secrets);
  const report = out === '' ? { ok: false, checks: [], left: [] } : (JSON.parse(out) as Omit<Report, 'code' | 'err'>);
  return { code, err, ...report };
}

const examine = ({ url, file }: Site, ...args: readonly string[]): Promise<Report> =>
  doctor(['--gateway', url, '--file', file, ...args]);

const failuresOf = ({ checks }: Report): readonly Check[] => checks.filter(({ outcome }) => outcome === 'failed');
const failedOf = (report: Report): readonly string[] => failuresOf(report).map(({ check }) => check);

const leftAtFile = ({ file }: Site): void => assert.equal(readFileSync(file, 'utf8'), shipped);

/** Nothing is left at the sidecar, and every token is revoked. */
async function assertClean(): Promise<void> {
  const list = async (path: string): Promise<string> => {
    const headers = { authorization: `Bearer ${sidecar.keys.admin}` };
    return (await fetch(`${sidecar.urls.admin}/api/v1/${path}`, { headers })).text();
  };
  for (const kind of ['upstreams', 'credentials', 'consumers', 'policies']) {
    assert.doesNotMatch(await list(kind), /cf-doctor/, kind);
  }
  const tokens = await list('tokens');
  assert.match(tokens, /"state":"revoked"/);
  assert.doesNotMatch(tokens, /"state":"active"/);
}

describe('apisix doctor, a healthy gateway', () => {
  it('passes every check, prints no secret, and leaves nothing', async () => {
    const accessLog = join(home, 'access.log');
    const quietLog = join(home, 'error.log');
    writeFileSync(accessLog, 'before\n');
    writeFileSync(quietLog, '');
    const writing = setInterval(() => appendFileSync(accessLog, 'GET /open 200\n'), 100);
    await withGateway({}, async (site) => {
      const report = await examine(site, '--log-file', accessLog, quietLog).finally(() => clearInterval(writing));
      assert.deepEqual([report.code, report.ok, report.left], [0, true, []], JSON.stringify(report.checks));
      assert.deepEqual(
        report.checks.map(({ check, outcome }) => `${outcome} ${check.replace(home, '')}`),
        [
          'ok version',
          'ok secret-arrives',
          'ok token-stays',
          'ok spoofed-headers',
          'ok spoofed-decision',
          'ok denial-401',
          'ok denial-403',
          'ok path-tricks',
          'ok question',
          'ok answer-clears',
          'ok keep-alive',
          'ok sidecar-away',
          'ok log-http',
          'ok log-file /access.log',
          'skipped log-file /error.log',
        ],
      );
      leftAtFile(site);
    });
    await assertClean();
  });
});

type Plugins = { readonly [K in 'forward-auth']: ForwardAuth } & { readonly 'http-logger': HttpLogger };

/** Every gateway of these is as ours, but for one thing. */
function distorted(change: (plugins: Plugins) => Partial<Plugins>): (route: Route) => Route {
  return (route) =>
    route.id.startsWith('cf-doctor-')
      ? { ...route, plugins: { ...route.plugins, ...change(route.plugins as Plugins) } }
      : route;
}

const auth = (change: (conf: ForwardAuth) => Partial<ForwardAuth>): Partial<StandInOptions> => ({
  distort: distorted(({ 'forward-auth': conf }) => ({ 'forward-auth': { ...conf, ...change(conf) } })),
});
const logger = (change: (conf: HttpLogger) => Partial<HttpLogger>): Partial<StandInOptions> => ({
  distort: distorted(({ 'http-logger': conf }) => ({ 'http-logger': { ...conf, ...change(conf) } })),
});
const lacking = (list: readonly string[], name: string): string[] => list.filter((other) => other !== name);

const broken: readonly (readonly [
  name: string,
  options: Partial<StandInOptions>,
  checks: readonly string[],
  says: RegExp,
])[] = [
  [
    'that lets a token slot through',
    auth(({ upstream_headers: list }) => ({ upstream_headers: lacking(list, 'x-api-key') })),
    ['token-stays', 'answer-clears'],
    /token reached the upstream in x-api-key.*add x-api-key to upstream_headers/,
  ],
  [
    'that lets a steering header through',
    auth(({ upstream_headers: list }) => ({ upstream_headers: lacking(list, 'x-http-method-override') })),
    ['spoofed-headers'],
    /x-http-method-override/,
  ],
  [
    'that lets a forged cfcredential through',
    auth(({ upstream_headers: list }) => ({ upstream_headers: lacking(list, 'cfcredential') })),
    ['spoofed-headers'],
    /cfcredential/,
  ],
  [
    'that drops the secret',
    auth(({ upstream_headers: list }) => ({ upstream_headers: lacking(list, 'authorization') })),
    ['secret-arrives', 'token-stays', 'answer-clears'],
    /without the secret/,
  ],
  ['that degrades', auth(() => ({ allow_degradation: true })), ['sidecar-away'], /allow_degradation: false/],
  [
    'that answers 200 for a dead sidecar',
    auth(() => ({ status_on_error: 200 })),
    ['sidecar-away'],
    /looks like success.*status_on_error: 503/,
  ],
  ['with the default status_on_error', auth(() => ({ status_on_error: 403 })), ['sidecar-away'], /answered 403/],
  [
    'that clears nothing, as before 3.17',
    { version: 'before-3.17' },
    ['answer-clears'],
    /before 3\.17.*CVE-2026-39998/,
  ],
  [
    'whose rewrite is not told',
    auth(({ extra_headers: { 'X-CF-Upstream-Uri': _, ...others } }) => ({ extra_headers: others })),
    ['question'],
    /add X-CF-Upstream-Uri: \$upstream_uri/,
  ],
  [
    'that asks with the client’s x-forwarded-uri',
    auth(({ request_headers: list }) => ({ request_headers: [...list, 'x-forwarded-uri'] })),
    ['question'],
    /x-forwarded-uri/,
  ],
  [
    'with the default log_format',
    logger(() => ({ log_format: undefined })),
    ['log-http'],
    /the upstream's secret.*log_format/,
  ],
  [
    'whose log names a slot',
    logger(({ log_format: format = {} }) => ({ log_format: { ...format, key: '$http_authorization' } })),
    ['log-http'],
    /the upstream's secret/,
  ],
  ['whose log goes nowhere', logger(() => ({ uri: 'http://127.0.0.1:1/' })), ['log-http'], /no entry/],
  [
    'that hides what a denial says',
    auth(() => ({ client_headers: [] })),
    ['denial-401', 'denial-403'],
    /without content-type, x-cf-decision, x-should-retry, www-authenticate/,
  ],
  ['that opens a connection for each question', auth(() => ({ keepalive: false })), ['keep-alive'], /keepalive: true/],
];

describe('apisix doctor, a gateway', { concurrency: 4 }, () => {
  for (const [name, options, checks, says] of broken) {
    it(`${name}: says what is wrong, and puts its file back`, () =>
      withGateway(options, async (site) => {
        const report = await examine(site);
        assert.deepEqual([report.code, report.ok, report.left], [6, false, []], JSON.stringify(report));
        assert.deepEqual(failedOf(report), checks, JSON.stringify(report.checks));
        assert.match(
          failuresOf(report)
            .map(({ message, fix }) => `${message}; ${fix ?? 'no fix'}`)
            .join(' '),
          says,
        );
        assert.ok(failuresOf(report).every(({ fix }) => fix !== undefined));
        leftAtFile(site);
      }));
  }

  it('that shows the secret in a file: names the file', async () => {
    const log = join(home, 'leaky.log');
    writeFileSync(log, '');
    const elsewhere = await startScriptedServer(({ body }, response) => {
      appendFileSync(log, body);
      response.end();
    });
    const options = logger(() => ({ log_format: undefined, uri: elsewhere.url }));
    try {
      const report = await withGateway(options, (site) => examine(site, '--log-file', log));
      assert.deepEqual(failedOf(report), ['log-http', `log-file ${log}`]);
      assert.match(failuresOf(report)[1]?.message ?? '', /shows the upstream's secret/);
    } finally {
      await elsewhere.stop();
    }
  });
});

describe('apisix doctor --like, a route', { concurrency: 4 }, () => {
  const withFile = <T>(change: (text: string) => string, use: (site: Site) => Promise<T>): Promise<T> =>
    withGateway({}, async (site) => {
      const text = change(shipped.replaceAll('http://127.0.0.1:9280', sidecar.urls.data));
      writeFileSync(site.file, text);
      const result = await use(site);
      assert.equal(readFileSync(site.file, 'utf8'), text);
      return result;
    });
  for (const [name, like, change, checks] of [
    ['as it is shipped', 'openai', (text: string) => text, []],
    [
      'that degrades',
      'mistral',
      (text: string) => text.replaceAll('allow_degradation: false', 'allow_degradation: true'),
      ['sidecar-away'],
    ],
    [
      'whose question names the upstream in its path',
      'openai',
      (text: string) =>
        text.replaceAll('/api/auth', '/api/auth/openai').replaceAll('X-CF-Route: $route_id', 'X-CF-Other: x'),
      [],
    ],
    ['that does not rewrite', 'openai', withoutRewrite, []],
    [
      'that tells the normalised path and sends the raw one',
      'openai',
      (text: string) => withoutRewrite(text).replace('$real_request_uri', '$request_uri'),
      ['path-tricks', 'question'],
    ],
    [
      'that forgot a slot',
      'openai',
      (text: string) => text.replace(/(upstream_headers:[\s\S]*?) +- x-goog-api-key\n/g, '$1'),
      ['token-stays', 'answer-clears'],
    ],
  ] as const) {
    it(`${name}: ${checks.length === 0 ? 'passes' : 'says what is wrong with it'}`, () =>
      withFile(change, async (site) => {
        const report = await examine(site, '--like', like);
        assert.deepEqual(failedOf(report), checks, JSON.stringify(report));
      }));
  }
  for (const [like, says] of [
    ['nowhere', /no route nowhere/],
    ['credentialflow-token-self', /no forward-auth/],
  ] as const) {
    it(`${like} is no route that can be judged`, () =>
      withGateway({}, async (site) => {
        const { code, err } = await examine(site, '--like', like);
        assert.equal(code, 1);
        assert.match(err, says);
      }));
  }
});

/** The upstream gets the raw path, so the question needs no other. */
function withoutRewrite(text: string): string {
  const { routes } = parse(text) as {
    readonly routes: readonly Record<string, Record<string, Record<string, object>>>[];
  };
  const route = structuredClone(routes[0] ?? assert.fail());
  delete route['plugins']?.['proxy-rewrite'];
  delete (route['plugins']?.['forward-auth']?.['extra_headers'] as Record<string, string>)['X-CF-Upstream-Uri'];
  assert.equal(route['id'], 'openai');
  return `${stringify({ routes: [route] })}#END\n`;
}

describe('apisix doctor, when it cannot come to its end', () => {
  it('because the gateway is away: says so, and leaves nothing', async () => {
    await withGateway({}, async (site) => {
      const { code, err } = await examine({ ...site, url: 'http://127.0.0.1:1' });
      assert.equal(code, 1);
      assert.match(err, /no answer from http:\/\/127\.0\.0\.1:1: ECONNREFUSED/);
      leftAtFile(site);
    });
    await assertClean();
  });
  it('because the gateway reads another file: says so, and leaves nothing', async () => {
    await withGateway({}, async ({ url }) => {
      const other = join(home, 'other.yaml');
      writeFileSync(other, shipped);
      const { code, err } = await examine({ url, file: other }, '--wait', '2s');
      assert.equal(code, 1);
      assert.match(err, /did not have the doctor's routes within 2 s/);
      assert.equal(readFileSync(other, 'utf8'), shipped);
    });
    await assertClean();
  });
  for (const signal of ['SIGINT', 'SIGHUP'] as const)
    it(`because of ${signal}: takes everything back`, async () => {
      await withGateway({}, async (site) => {
        const bin = join(import.meta.dirname, '../../bin/credentialflow.js');
        const args = [bin, 'apisix', 'doctor', '--gateway', site.url, '--file', site.file];
        const env = { PATH: process.env['PATH'], ...environment() };
        const child = spawn(process.execPath, args, { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
        let said = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
        try {
          await until(() => /waiting until/.test(said), 'the routes are made');
          assert.notEqual(readFileSync(site.file, 'utf8'), shipped);
          child.kill(signal);
          assert.deepEqual(await once(child, 'exit'), [1, null], said);
        } finally {
          child.kill('SIGKILL');
        }
        assert.match(said, /interrupted/);
        leftAtFile(site);
      });
      await assertClean();
    });
  it('because there is no such file, or no sidecar', async () => {
    const none = await doctor(['--gateway', 'http://127.0.0.1:1', '--file', 'nowhere.yaml']);
    assert.equal(none.code, 1);
    assert.match(none.err, /no such file/);
    const away = await doctor(['--file', 'nowhere.yaml'], { CREDENTIALFLOW_ADMIN_URL: 'http://127.0.0.1:1' });
    assert.equal(away.code, 3, away.err);
    await assertClean();
  });
  for (const args of [
    ['--file', 'x', '--admin', 'http://127.0.0.1:1'],
    ['--file', 'x', '--gateway', 'http://127.0.0.1:1/path'],
    ['--file', 'x', '--listen', 'nowhere'],
    ['--file', 'x', '--upstream-url', 'ftp://x'],
    ['--file', 'x', '--wait', '0s'],
    [],
  ]) {
    it(`because "${args.join(' ')}" is wrong usage`, async () => {
      const { code, err } = await doctor(args);
      assert.equal(code, 2, err);
    });
  }
});

describe('apisix doctor, through the Admin API', () => {
  /** What the Admin API stores, in the file of a gateway: as etcd would bring it there. */
  async function withBoth(use: (site: Site, admin: Awaited<ReturnType<typeof startAdminStandIn>>) => Promise<void>) {
    const admin = await startAdminStandIn();
    admin.routes.set('legacy', { id: 'legacy', uri: '/legacy/*', upstream: { nodes: { 'legacy:80': 1 } } });
    try {
      await withGateway({}, async (site) => {
        const bring = setInterval(() => {
          const routes = [...admin.routes.values()].filter(({ id }) => id !== 'legacy').map(withoutDefaults);
          const text = JSON.stringify({ routes })
            .replaceAll('"$env://CREDENTIALFLOW_GATEWAY_KEY"', JSON.stringify(sidecar.keys.gateway))
            .concat('\n#END\n');
          replaceFile(site.file, text);
        }, 200);
        await use(site, admin).finally(() => clearInterval(bring));
      });
    } finally {
      await admin.stop();
    }
  }
  const run = (
    site: Site,
    admin: { readonly url: string; readonly key: string },
    ...args: readonly string[]
  ): Promise<Report> => doctor(['--gateway', site.url, '--admin', admin.url, ...args], { APISIX_ADMIN_KEY: admin.key });

  it('passes, asks before it writes, and leaves the routes of others alone', async () => {
    await withBoth(async (site, admin) => {
      const report = await run(site, admin);
      assert.deepEqual([report.code, report.left], [0, []], JSON.stringify(report));
      assert.deepEqual([...admin.routes.keys()], ['legacy']);
      assert.deepEqual(
        admin.calls.slice(0, 3).map((call) => call.split(' ')[0]),
        ['POST', 'POST', 'POST'],
      );
    });
    await assertClean();
  });
  it('proves a labelled route that is there', async () => {
    await withBoth(async (site, admin) => {
      const { routes } = parse(shipped.replaceAll('http://127.0.0.1:9280', sidecar.urls.data)) as {
        readonly routes: readonly Readonly<Record<string, unknown>>[];
      };
      admin.routes.set('openai', routes.find(({ id }) => id === 'openai') ?? assert.fail());
      const report = await run(site, admin, '--like', 'openai');
      assert.deepEqual([report.code, failedOf(report)], [0, []], JSON.stringify(report));
      assert.deepEqual([...admin.routes.keys()], ['legacy', 'openai']);
      const foreign = await run(site, admin, '--like', 'legacy');
      assert.match(foreign.err, /no route legacy/);
    });
  });
  it('says what the gateway would not take, and what could not be removed', async () => {
    await withBoth(async (site, admin) => {
      admin.fault = (method) => (method === 'POST' ? 400 : undefined);
      const refused = await run(site, admin);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /would not take route cf-doctor-\w+: 400: a fault of the test/);
      admin.fault = (method) => (method === 'DELETE' ? 503 : undefined);
      const report = await run(site, admin);
      assert.equal(report.code, 1, JSON.stringify(report));
      assert.match(report.left.join(), /the routes cf-doctor-\w+\* at the gateway .*503/);
    });
    await assertClean();
  });
});

/** The stand-in gateway knows no field that the product does not write. */
function withoutDefaults(route: Readonly<Record<string, unknown>>): unknown {
  const unknown = [
    'create_time update_time status hash_on retries',
    'max_req_body_size ssl_verify max_resp_body_bytes max_req_body_bytes concat_method name',
  ].flatMap((names) => names.split(' '));
  return JSON.parse(
    JSON.stringify(route, (key, value: unknown) => {
      if (key === 'nodes' && Array.isArray(value)) {
        return value.map(({ host, port, weight }: Readonly<Record<string, unknown>>) => ({ host, port, weight }));
      }
      return unknown.includes(key) ? undefined : value;
    }),
  ) as unknown;
}
