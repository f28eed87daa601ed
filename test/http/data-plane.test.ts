import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import { allowedHeaders, logKey, rawQuestion, startDataPlane } from '../support/data-plane.ts';
import { factsOf, gateway, headersOf, question, resource, usual } from '../support/deciding.ts';
import { connectRaw } from '../support/raw-connection.ts';

it('answers an allow with 200, no body, and every header of the decision', async (t) => {
  const plane = await startDataPlane(t);
  const answer = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), '');
  assert.equal(answer.headers.get('content-length'), '0');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const [decision] = plane.ctx.recorded;
  assert.ok(decision);
  for (const [name, value] of Object.entries(headersOf(decision))) assert.equal(answer.headers.get(name), value, name);
  assert.equal(answer.headers.get('authorization'), 'Bearer upstream-secret');
  assert.equal(answer.headers.get('x-api-key'), '', 'an unused slot is answered empty');
});

it('takes the upstream from the path, and the question from GET and POST alike', async (t) => {
  const plane = await startDataPlane(t);
  const { 'X-CF-Route': _, ...headers } = allowedHeaders;
  for (const init of [{}, { method: 'POST' }, { method: 'POST', body: 'the client’s body' }]) {
    const answer = await fetch(`${plane.url}/api/auth/api?x=1`, { headers, ...init });
    assert.equal(answer.status, 200);
  }
  assert.deepEqual(
    plane.questions.map(({ upstream }) => upstream),
    ['api', 'api', 'api'],
  );
});

it('answers a cold token once the validator knows', async (t) => {
  const plane = await startDataPlane(t);
  plane.ctx.tokens.set('cf_team', () => new Promise((resolve) => setTimeout(() => resolve(factsOf('team')), 20)));
  const answer = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(answer.status, 200);
});

it('repeats a header that the decision repeats', async (t) => {
  const headers = new Secret(['x-multi', 'a', 'x-multi', 'b', 'authorization', 'Bearer s']);
  const plane = await startDataPlane(t, {
    decide: () => ({ outcome: 'allow', headers, deliberation: deliberation() }),
  });
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion());
  const received = await connection.until(/\r\n\r\n/);
  connection.destroy();
  assert.match(received, /x-multi: a\r\nx-multi: b\r\n/);
});

it('answers a denial in the shape of the preset, with what a client needs to act on it', async (t) => {
  const plane = await startDataPlane(t);
  const answer = await fetch(`${plane.url}/api/auth`, {
    headers: { ...allowedHeaders, authorization: 'Bearer cf_unknown' },
  });
  assert.equal(answer.status, 401);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.headers.get('x-cf-decision'), 'd1');
  assert.equal(answer.headers.get('x-should-retry'), 'false');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal(
    answer.headers.get('www-authenticate'),
    'Bearer realm="credentialflow", error="invalid_token", error_description="The API key is not valid."',
  );
  assert.deepEqual(await answer.json(), { message: 'The API key is not valid.' });
});

it('says when to ask again where that may help', async (t) => {
  const plane = await startDataPlane(t);
  plane.ctx.tokens.set('cf_team', { deny: 'store_unavailable', retryAfterMs: 2_500 });
  const answer = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '3');
  assert.equal(answer.headers.get('retry-after-ms'), '2500');
  assert.equal(answer.headers.get('x-should-retry'), 'true');
});

it('denies, and goes on, when the decision breaks or a secret fits no header', async (t) => {
  const broken = [
    () => {
      throw new Error('Bearer sk-leak-in-a-message');
    },
    () => Promise.reject(new Error('later')),
    () => ({
      outcome: 'allow' as const,
      headers: new Secret(['authorization', 'Bearer \u{1f511}']),
      deliberation: deliberation(),
    }),
  ];
  let at = 0;
  const plane = await startDataPlane(t, { decide: () => (broken[at++] ?? assert.fail())() });
  while (at < broken.length) {
    const answer = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('authorization'), null);
    assert.match(await answer.text(), /"code":"internal_error"|The decision failed/);
  }
  assert.deepEqual(plane.log.events(), ['answer_failed', 'answer_failed', 'answer_failed']);
});

it('refuses other methods with the ones there are, and other paths', async (t) => {
  const plane = await startDataPlane(t);
  for (const [method, path, allow] of [
    ['PUT', '/api/auth', 'GET, POST'],
    ['DELETE', '/api/auth/api', 'GET, POST'],
    ['GET', '/api/logs', 'POST'],
    ['POST', '/api/token/self', 'GET'],
    ['POST', '/healthz', 'GET, HEAD'],
  ] as const) {
    const answer = await fetch(`${plane.url}${path}`, { method, headers: allowedHeaders });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.get('allow'), allow);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  }
  for (const path of ['/', '/api', '/api/auth/', '/api/auth/a%70i', '/api/authx', '/metrics', '/API/AUTH']) {
    const answer = await fetch(`${plane.url}${path}`, { headers: allowedHeaders });
    assert.equal(answer.status, 404, path);
    assert.equal(((await answer.json()) as { code: string }).code, 'not_found');
  }
  assert.deepEqual(plane.questions, [], 'nothing was decided');
});

it('tells a token what it may do, through the same slots', async (t) => {
  const plane = await startDataPlane(t);
  plane.ctx.tokens.set('cf_team', { ...factsOf('team'), expiresAtMs: Date.parse('2027-01-01T00:00:00Z') });
  const known = await fetch(`${plane.url}/api/token/self`, { headers: { 'x-api-key': 'cf_team' } });
  assert.equal(known.status, 200);
  const body = (await known.json()) as { consumer: { id: string }; allowed: readonly { policy: string }[] };
  assert.equal(body.consumer.id, 'team');
  assert.deepEqual(
    body.allowed.map(({ policy }) => policy),
    ['chat'],
  );
  const unknown = await fetch(`${plane.url}/api/token/self`, { headers: { 'x-api-key': 'cf_nobody' } });
  assert.equal(unknown.status, 401);
  assert.match(unknown.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  assert.equal(((await unknown.json()) as { error: { code: string } }).error.code, 'token_unknown');
});

it('takes log batches with the log key only, and answers them without a body', async (t) => {
  const plane = await startDataPlane(t);
  const post = (authorization: string | undefined, body: string): Promise<Response> =>
    fetch(`${plane.url}/api/logs`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
    });
  const taken = await post(logKey, '[{"a":1}]');
  assert.deepEqual([taken.status, await taken.text()], [204, '']);
  for (const stranger of [undefined, 'Bearer nobody']) {
    const refused = await post(stranger, '[{"a":2}]');
    assert.deepEqual([refused.status, await refused.text()], [401, '']);
  }
  const large = await post(logKey, 'x'.repeat(1_048_577)).catch(() => undefined);
  if (large !== undefined) assert.deepEqual([large.status, await large.text()], [413, '']);
  assert.deepEqual(plane.batches, ['[{"a":1}]']);
});

it('keeps no log body that there is no room for, and gives back the room of those it has read', async (t) => {
  const admitted: number[] = [];
  let left = 0;
  let kept = 0;
  const logs = {
    identify: () => ({ gatewayId: undefined }),
    admit: (bytes: number) => {
      admitted.push(bytes);
      return bytes > 3
        ? undefined
        : (): void => {
            left++;
          };
    },
    accept: (body: Buffer) => {
      kept += body.length;
      return { status: 204 };
    },
  };
  const plane = await startDataPlane(t, { deps: { logs } });
  const post = async (body: string): Promise<[number, string]> => {
    const answer = await fetch(`${plane.url}/api/logs`, { method: 'POST', body });
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await post('[1]'), [204, '']);
  assert.deepEqual(await post('[11]'), [503, '']);
  assert.deepEqual([admitted, left, kept], [[3, 4], 1, 3]);
});

it('asks for a log batch again when it could not be taken', async (t) => {
  const logs = {
    identify: () => ({ gatewayId: undefined }),
    admit: () => () => undefined,
    accept: () => {
      throw new Error('no');
    },
  };
  const plane = await startDataPlane(t, { deps: { logs } });
  const answer = await fetch(`${plane.url}/api/logs`, { method: 'POST', body: '[]' });
  assert.deepEqual([answer.status, await answer.text()], [500, '']);
  assert.deepEqual(plane.log.events(), ['log_batch_failed']);
});

it('is alive always and ready when it is', async (t) => {
  const plane = await startDataPlane(t);
  assert.equal((await fetch(`${plane.url}/readyz`)).status, 200);
  plane.readiness = { ready: false, reasons: ['store_unavailable'] };
  const answer = await fetch(`${plane.url}/readyz`);
  assert.equal(answer.status, 503);
  assert.deepEqual(await answer.json(), { ready: false, reasons: ['store_unavailable'] });
  assert.equal((await fetch(`${plane.url}/healthz`)).status, 200);
  const head = await fetch(`${plane.url}/healthz`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

it('writes one debug line a decision where that is wanted, with the trace id and without the token', async (t) => {
  const plane = await startDataPlane(t, { logDecisions: true });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await fetch(`${plane.url}/api/auth`, { headers: { ...allowedHeaders, traceparent } });
  const [line] = plane.log.lines;
  assert.equal(line?.level, 'debug');
  assert.equal(line.event, 'decision');
  assert.equal(line.fields['trace_id'], '4bf92f3577b34da6a3ce929d0e0e4736');
  assert.equal(line.fields['reason'], 'allow');
  assert.doesNotMatch(JSON.stringify(line), /cf_team|upstream-secret/);
});

it('names the address of the peer, so that a gateway can be bound to it', async (t) => {
  const records = [gateway('default', { addresses: ['10.0.0.0/8'] }), ...usual().slice(1), resource('consumer', 'x')];
  const plane = await startDataPlane(t, { records });
  const answer = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(answer.status, 401);
  assert.equal(plane.questions[0]?.address, '127.0.0.1');
});

function deliberation(): Parameters<typeof headersOf>[0]['deliberation'] {
  return {
    question: question(),
    decisionId: 'd1',
    nowMs: 0,
    startedAt: 0,
    scopes: undefined,
    snapshot: {
      storeId: '',
      epoch: 0,
      revision: 0,
      gatewaysByKey: new Map(),
      upstreams: new Map(),
      upstreamsByRoute: new Map(),
      credentialsByVersion: new Map(),
      consumers: new Map(),
      allGroupsOf: (groups: readonly string[]) => groups,
      issuers: new Map(),
      revocations: new Map(),
      policiesBySubject: new Map(),
      hasConditions: false,
      problems: [],
    },
    gateway: undefined,
    upstream: undefined,
    method: '',
    requestId: '',
    target: '',
    path: undefined,
    consumer: undefined,
    consumerId: '',
    token: undefined,
    tokenId: '',
    refusal: undefined,
    policyId: '',
    shadow: undefined,
    credential: undefined,
  };
}
