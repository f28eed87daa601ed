/**
 * 100,000 raw questions over reused connections. Whatever the bytes: never an allow that the reference below denies,
 * never a crash, never a hang, bounded memory. CF_FUZZ_SEED repeats a run, CF_FUZZ_REQUESTS changes its length.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import { connectRawHttp, type RawClient } from '../support/raw-http.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const requests = Number(process.env['CF_FUZZ_REQUESTS'] ?? 100_000);
const seed = Number(process.env['CF_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const connections = 16;
const batch = 500;

const resources = `
upstreams: [{ id: api, preset: generic, base_url: "https://api.example.test", prefix: /api }]
credentials: [{ id: api-main, upstream: api, secret: { from: env, name: FUZZ_SECRET } }]
consumers: [{ id: team, owner: team@example.test }]
policies:
  - { id: chat, effect: allow, consumers: [team], upstreams: [api], methods: [POST], paths: [/v1/chat, "/v1/files/*"] }
  - { id: no-admin, effect: deny, consumers: [team], upstreams: [api], paths: [/v1/files/admin] }
`;

let sidecar: RunningSidecar;
let token = '';
before(async () => {
  const env = { FUZZ_SECRET: 'sk-fuzz-upstream-secret', CREDENTIALFLOW_DRAIN_TIMEOUT: '1s' };
  sidecar = await startSidecar({ resources, env });
  ({ token } = await sidecar.issueToken('team'));
});
after(() => sidecar.stop());

interface Line {
  readonly name: string;
  readonly value: string;
}

interface Model {
  readonly method: string;
  readonly target: string;
  readonly lines: readonly Line[];
  readonly body: string;
  /** Bytes that are no header line at all. */
  readonly garbage: string;
  readonly cut: boolean;
}

/** Mostly the right value, so that most of a question is right and one thing in it is wrong. */
const mostly = (right: string, ...others: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 8 * others.length, arbitrary: fc.constant(right) }, ...others);

function questions(gatewayKey: string): fc.Arbitrary<Model> {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 40 }); // prettier-ignore
  const wrongToken = fc.constantFrom(`${token}x`, token.slice(0, -1), token.toUpperCase(), 'sk-provider', '', 'cf_k1_', `${token},${token}`); // prettier-ignore
  const path = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('/v1/chat', '/v1/files/a', '/v1/files/a%20b', '/v1/files/caf%C3%A9') },
    { weight: 3, arbitrary: fc.constantFrom('/v1/files/admin', '/v1/files/admin;x', '/v1/files/admin/', '/v1/files/%61dmin', '/v1/files/..', '/v1/files/../chat', '/v1//chat', '/v1/files/a%2Fb', '/v1/files/a%3Fb', '/v1/files/%2e%2e', '/v1/files/a%252fb', '/v1\\chat', '/v1/chat/', '/V1/chat', '/v1/files/a%5cb', '/v1/files/..;/x', '/v1/files/%00') }, // prettier-ignore
    { weight: 1, arbitrary: bytes.map((text) => `/v1/files/${text}`) },
  );
  const query = mostly('', fc.constantFrom('?a=1', '?key=x', '?KEY=x', '?a=1&api_key=y', '?%6bey=1', '?x=key'));
  const header = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<Line[]> =>
    fc.tuple(value, fc.nat({ max: 59 }), fc.boolean()).map(([text, dice, upper]) => {
      const line = { name: upper ? name.toUpperCase() : name, value: text };
      if (dice === 0) return [];
      return dice === 1 ? [line, { ...line, value: `${text}2` }] : dice === 2 ? [line, line] : [line];
    });
  const junk = fc.oneof(
    { weight: 40, arbitrary: fc.constant<Line[]>([]) },
    fc.constant<Line[]>([{ name: 'x-junk', value: 'j'.repeat(70_000) }]),
    fc.constant<Line[]>(Array.from({ length: 1_500 }, (_, i) => ({ name: `x-${String(i)}`, value: 'v' }))),
    fc.constant<Line[]>(Array.from({ length: 90 }, (_, i) => ({ name: `x-${String(i)}`, value: 'v' }))),
    bytes.map((value) => [{ name: 'x-bytes', value }]),
    fc.constant<Line[]>([{ name: 'cfcredential', value: 'cv_forged' }, { name: 'x-forwarded-host', value: 'evil' }]),
  ); // prettier-ignore
  return fc
    .record({
      key: header('X-CF-Gateway-Key', mostly(gatewayKey, fc.constantFrom('', '://NAME', `${gatewayKey}x`, 'short'))),
      route: header('X-CF-Route', mostly('api', fc.constantFrom('', 'other', '../api'))),
      forwardedMethod: header('X-Forwarded-Method', mostly('POST', fc.constantFrom('GET', 'post', '', 'DELETE'))),
      raw: header('X-CF-Raw-Uri', fc.tuple(mostly('/api', fc.constantFrom('', '/API', '/api/api', '/%61pi')), path, query).map((parts) => parts.join(''))), // prettier-ignore
      rewritten: fc.oneof({ weight: 3, arbitrary: fc.constant<Line[]>([]) }, header('X-CF-Upstream-Uri', fc.tuple(path, query).map((parts) => parts.join('')))), // prettier-ignore
      bearer: header('Authorization', mostly(`Bearer ${token}`, wrongToken.map((text) => `Bearer ${text}`), fc.constantFrom(token, `Basic ${token}`, `bearer  ${token}`))), // prettier-ignore
      apiKey: fc.oneof(
        { weight: 4, arbitrary: fc.constant<Line[]>([]) },
        header('X-Api-Key', mostly(token, wrongToken)),
      ),
      junk,
      method: mostly('GET', fc.constantFrom('POST', 'PUT', 'get', 'G ET')),
      target: mostly('/api/auth', fc.constantFrom('/api/auth/api', '/api/auth/other', '/api/auth/', '/api/%61uth', '/', '//api/auth', '/api/auth?x=1')), // prettier-ignore
      body: mostly('', fc.constantFrom('hello', 'x'.repeat(5_000))),
      garbage: mostly('', fc.constantFrom('no colon', ' folded: line', 'a\u0000b: c', ': empty', 'Transfer-Encoding: chunked', 'Content-Length: 5')), // prettier-ignore
      cut: fc.nat({ max: 199 }).map((dice) => dice === 0),
      order: fc.boolean(),
    })
    .map(({ key, route, forwardedMethod, raw, rewritten, bearer, apiKey, junk: more, order, ...rest }) => {
      const lines = [key, route, forwardedMethod, raw, rewritten, bearer, apiKey, more].flat();
      return { ...rest, lines: order ? lines : lines.reverse() };
    });
}

function serialise({ method, target, lines, body, garbage, cut }: Model): Buffer {
  const length = body === '' ? [] : [`Content-Length: ${String(body.length)}`];
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: sidecar',
    ...lines.map(({ name, value }) => `${name}: ${value}`),
  ];
  const text = [...head, ...(garbage === '' ? [] : [garbage]), ...length, '', body].join('\r\n');
  return Buffer.from(cut ? text.slice(0, text.length / 2) : text, 'latin1');
}

/**
 * May this be allowed? Written from the documentation, apart from the code, and generous where it does not matter: the
 * test needs only that whatever is allowed passes here.
 */
function mayBeAllowed(model: Model, gatewayKey: string): boolean {
  const only = (name: string): string | undefined => {
    const found = model.lines.filter((line) => line.name.toLowerCase() === name).map((line) => withoutOws(line.value));
    return new Set(found).size === 1 ? found[0] : undefined;
  };
  const has = (name: string): boolean => model.lines.some((line) => line.name.toLowerCase() === name && withoutOws(line.value) !== ''); // prettier-ignore
  if (only('x-cf-gateway-key') !== gatewayKey || only('x-forwarded-method') !== 'POST') return false;
  const named = /^\/api\/auth\/([^?]+)/.exec(model.target)?.[1];
  const route = only('x-cf-route');
  if (named === undefined ? route !== 'api' : named !== 'api') return false;
  const target = has('x-cf-upstream-uri') ? only('x-cf-upstream-uri') : only('x-cf-raw-uri')?.replace(/^\/(?:api|%61pi)(?=\/)/, ''); // prettier-ignore
  if (target === undefined || (!has('x-cf-upstream-uri') && target === only('x-cf-raw-uri'))) return false;
  const queries = [target, only('x-cf-raw-uri') ?? ''].map((uri) =>
    uri.slice(uri.indexOf('?') + 1).replaceAll(/%6b/gi, 'k'),
  );
  if (queries.some((query) => /(?:^|[&;])(?:key|api_key)=/i.test(query))) return false;
  const path = target.split('?')[0] ?? '';
  // The one thing the upstream does with the path: decode it. Then it must be plainly one of the two that are allowed.
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return false;
  }
  if (/%2f|%5c|%00/i.test(path) || decoded.includes('%2')) return false;
  const isChat = decoded === '/v1/chat';
  const isFile = /^\/v1\/files\/[^/\\?#]+$/.test(decoded) && !/\/(?:admin|\.{1,2})(?:;|$)/.test(decoded);
  if (!isChat && !isFile) return false;
  const presented = new Set<string | undefined>();
  for (const slot of ['authorization', 'x-api-key']) {
    if (!has(slot)) continue;
    const value = only(slot);
    presented.add(slot === 'authorization' ? value?.replace(/^bearer(?: +|$)/i, '') : value);
  }
  presented.delete('');
  return presented.size === 1 && presented.has(token);
}

it(
  `never allows what the reference denies (seed ${String(seed)}, ${String(requests)} requests)`,
  { timeout: 180_000 },
  async () => {
    const { port } = new URL(sidecar.urls.data);
    const { gateway } = sidecar.keys;
    const pool: (RawClient | undefined)[] = Array.from({ length: connections });
    const counts = { allowed: 0, denied: 0, malformed: 0, closed: 0, allowable: 0 };
    const arbitrary = questions(gateway);
    const rssBefore = residentBytes(sidecar.process.pid);

    const askOne = async (model: Model, slot: number): Promise<void> => {
      let client = pool[slot];
      if (client?.usable() !== true) pool[slot] = client = await connectRawHttp(Number(port));
      const allowable = mayBeAllowed(model, gateway);
      if (allowable) counts.allowable += 1;
      if (model.cut) {
        // Half a question, then silence: the connection is given up, the sidecar must not care.
        client.ask(serialise(model)).catch(() => undefined);
        client.destroy();
        return;
      }
      // A body is announced that never comes: the end of our side must end the wait.
      const halfClose = model.garbage !== '';
      const answer = await client.ask(serialise(model), { halfClose }).catch((error: unknown) => {
        throw new Error(`a hang (seed ${String(seed)}): ${JSON.stringify(model).slice(0, 2_000)}`, { cause: error });
      });
      if (answer === 'closed') counts.closed += 1;
      else if (answer.status === 200) {
        assert.ok(allowable, `a wrong allow (seed ${String(seed)}): ${JSON.stringify(model).slice(0, 4_000)}`);
        assert.equal(answer.headers['authorization'], 'Bearer sk-fuzz-upstream-secret');
        counts.allowed += 1;
      } else {
        assert.ok(answer.status < 500, `status ${String(answer.status)} (seed ${String(seed)}): ${JSON.stringify(model).slice(0, 2_000)}`); // prettier-ignore
        assert.ok(!answer.body.includes('sk-fuzz') && !answer.body.includes(token), 'an answer repeats a secret');
        if (answer.status === 400 || answer.status === 431) counts.malformed += 1;
        else counts.denied += 1;
      }
      // Whatever is left on a connection with bytes that were no request belongs to no later question.
      if (model.garbage !== '' || answer === 'closed' || answer.headers['connection'] === 'close') {
        client.destroy();
        pool[slot] = undefined;
      }
    };

    for (let done = 0; done < requests; done += batch) {
      const models = fc.sample(arbitrary, { seed: seed + done, numRuns: Math.min(batch, requests - done) });
      await Promise.all(
        Array.from({ length: connections }, async (_, slot) => {
          for (let i = slot; i < models.length; i += connections) {
            const model = models[i];
            if (model !== undefined) await askOne(model, slot);
          }
        }),
      );
    }
    for (const client of pool) client?.destroy();

    const grownMb = (residentBytes(sidecar.process.pid) - rssBefore) / 1_048_576;
    console.log(`fuzz: seed ${String(seed)} ${JSON.stringify(counts)} memory +${grownMb.toFixed(0)} MB`);
    assert.equal(sidecar.process.exitCode, null, 'the sidecar lives');
    assert.equal((await fetch(`${sidecar.urls.data}/readyz`)).status, 200);
    // The run means something only if much was allowed, and hardly anything was refused that might have been.
    assert.ok(counts.allowed > requests / 20, JSON.stringify(counts));
    assert.ok(counts.denied > requests / 20, JSON.stringify(counts));
    assert.ok(grownMb < 150, `memory grew by ${grownMb.toFixed(0)} MB`);
  },
);

/** RFC 9110, section 5.6.3: a space and a tab are optional white space, others are data. */
function withoutOws(value: string): string {
  return value.replaceAll(/^[ \t]+|[ \t]+$/g, '');
}

function residentBytes(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) * 1024;
}
