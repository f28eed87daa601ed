/** The whole sidecar with tokens of a real OpenID provider. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import { client, keyedClient, startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { encode } from '../support/issuing.ts';
import { connectRawHttp } from '../support/raw-http.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';

let provider: OidcProvider;
let asked: OidcProvider;
let sidecar: RunningSidecar;

/** `lure`: a port of loopback where nobody must come. */
const resources = (issuer: string, asked: string, lure = 9): string => `
upstreams: [{ id: api, preset: generic, base_url: "https://api.example.test" }]
credentials: [{ id: api-main, upstream: api, secret: { from: env, name: API_SECRET } }]
consumers:
  - { id: team, owner: team@example.test }
  - { id: jane, owner: jane@example.test }
issuers:
  - id: local
    issuer: "${issuer}"
    audience: urn:api
    typ: at+jwt
    algorithms: [ES256]
    consumer: "\${sub}"
    groups: ["scope:\${scope}"]
    allow_private: true
  - id: asked
    issuer: "${asked}"
    audience: urn:opaque
    algorithms: [ES256]
    consumer: "\${client_id}"
    groups: ["scope:\${scope}"]
    allow_private: true
    introspection:
      url: "${asked}/token/introspection"
      client_id: ${client.id}
      client_secret: { from: env, name: CLIENT_SECRET }
      cache: 500ms
      opaque_tokens: true
      signed: true
  - id: lured-by-name
    issuer: https://lured-by-name.example.test
    audience: urn:api
    consumer: "\${sub}"
    jwks_url: "https://localhost:${String(lure)}/jwks"
  - id: lured-by-number
    issuer: https://lured-by-number.example.test
    audience: urn:api
    consumer: "\${sub}"
    discovery: "https://2130706433:${String(lure)}/.well-known/openid-configuration"
  - id: lured-by-question
    issuer: https://lured-by-question.example.test
    audience: urn:api
    consumer: "\${sub}"
    introspection: { url: "https://localhost:${String(lure)}/ask", client_id: x, client_secret: { from: env, name: CLIENT_SECRET } }
policies:
  - { id: chat, effect: allow, groups: ["scope:chat"], upstreams: [api] }
`;

let lured = 0;
const lure = createServer((socket) => {
  lured += 1;
  socket.destroy();
});

before(async () => {
  [provider, asked] = await Promise.all([startOidcProvider(), startOidcProvider()]);
  await new Promise<void>((resolve) => lure.listen(0, '127.0.0.1', resolve));
  sidecar = await startSidecar({
    resources: resources(provider.issuer, asked.issuer, (lure.address() as AddressInfo).port),
    env: { API_SECRET: 'the-secret', CLIENT_SECRET: client.secret, CREDENTIALFLOW_DRAIN_TIMEOUT: '100ms' },
  });
});
after(async () => {
  lure.close();
  await provider.stop();
  await asked.stop();
  await sidecar.stop();
});

async function ask(
  token: string,
  of = sidecar,
  scheme = 'Bearer',
): Promise<{ readonly code: string; readonly headers: Headers }> {
  const response = await fetch(`${of.urls.data}/api/auth/api`, {
    headers: {
      'x-cf-gateway-key': of.keys.gateway,
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/api/v1/chat',
      'x-cf-raw-uri': '/api/v1/chat',
      authorization: `${scheme} ${token}`,
    },
  });
  const text = await response.text();
  const code = response.ok ? 'allow' : (/"code":"(\w+)"/.exec(text)?.[1] ?? text);
  return { code, headers: response.headers };
}

describe('tokens of an OpenID provider', () => {
  it('let a service in by client credentials, and a person by authorization code', async () => {
    const service = await ask(await provider.clientCredentials());
    assert.equal(service.code, 'allow');
    assert.equal(service.headers.get('authorization'), 'Bearer the-secret');
    const token = await provider.authorizationCode();
    assert.equal(decodeJwt(token).sub, 'jane');
    assert.equal((await ask(token)).code, 'allow');
  });

  it('are described to their holder', async () => {
    const token = await provider.clientCredentials();
    const response = await fetch(`${sidecar.urls.data}/api/token/self`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const {
      token: own,
      consumer,
      allowed,
    } = (await response.json()) as {
      readonly token: Readonly<Record<string, unknown>>;
      readonly consumer: unknown;
      readonly allowed: readonly { readonly policy: string }[];
    };
    assert.match(String(own['id']), /^jwt_[0-9a-f]{24}$/);
    assert.deepEqual([own['issuer'], own['scopes']], ['local', ['chat']]);
    assert.deepEqual(consumer, { id: 'team', groups: ['scope:chat'] });
    assert.deepEqual(
      allowed.map(({ policy }) => policy),
      ['chat'],
    );
  });

  it('are explained by the id of their decision, and judged by other policies, with the groups that they gave', async () => {
    assert.equal((await ask(await provider.authorizationCode())).code, 'allow');
    const authorization = `Bearer ${sidecar.keys.admin}`;
    const recent = await fetch(`${sidecar.urls.admin}/api/v1/decisions?limit=1`, { headers: { authorization } });
    const { items } = (await recent.json()) as { readonly items: readonly { readonly decision: string }[] };
    const told = await sidecar.json(['explain', items[0]?.decision ?? '']);
    const { then, now } = told as { readonly then: { readonly issuer: string }; readonly now: Readonly<Record<string, unknown>> }; // prettier-ignore
    assert.deepEqual([then.issuer, now['outcome'], now['decided_by']], ['local', 'allow', 'chat']);
    const candidate = join(sidecar.resourcesFile, '..', 'candidate', 'resources.yaml');
    mkdirSync(join(candidate, '..'));
    const text = resources(provider.issuer, asked.issuer);
    const changesOf = async (candidateText: string): Promise<readonly string[]> => {
      writeFileSync(candidate, candidateText);
      const { changes } = await sidecar.json(['policy', 'diff', '--candidate', candidate]);
      return (changes as readonly { change: string; consumer: string }[]).map(({ change, consumer }) => `${consumer} ${change}`).sort(); // prettier-ignore
    };
    assert.deepEqual(await changesOf(text), []);
    assert.deepEqual(await changesOf(text.replace('groups: ["scope:chat"]', 'groups: ["scope:other"]')), ['jane loses', 'team loses']); // prettier-ignore
  });

  it('for another audience are denied, with a challenge that says so', async () => {
    const { code, headers } = await ask(await provider.clientCredentials('urn:other'));
    assert.equal(code, 'token_audience_wrong');
    assert.match(headers.get('www-authenticate') ?? '', /^Bearer realm="credentialflow", error="invalid_token"/);
  });

  it('that are bound to a key of their client are denied, asked about or not, with a reason that says what to do', async () => {
    for (const token of [await provider.boundToken('dpop'), await asked.boundToken('dpop', 'urn:opaque')]) {
      assert.equal((await ask(token)).code, 'token_bound');
      const { code, headers } = await ask(token, sidecar, 'DPoP');
      assert.equal(code, 'token_bound');
      assert.match(headers.get('www-authenticate') ?? '', /bound to a key of its owner/);
    }
  });

  it('that are too long are denied, by the connection where not even their header is read', async () => {
    const token = await provider.clientCredentials('urn:api', { claims: { pad: 'x'.repeat(20_000) } });
    assert.equal((await ask(token)).code, 'token_too_large');
    const { port } = new URL(sidecar.urls.data);
    const connection = await connectRawHttp(Number(port));
    const answer = await connection.ask(Buffer.from(`GET /api/auth/api HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${'x'.repeat(1_000_000)}`)); // prettier-ignore
    connection.destroy();
    assert.equal(answer === 'closed' ? answer : answer.status, 431);
    assert.equal((await ask(await provider.clientCredentials())).code, 'allow');
  });

  it('make nobody ask a private address, whatever name or number leads there, unless that is allowed', async () => {
    const claims = encode({ iss: 'https://lured-by-question.example.test', aud: 'urn:api', sub: 'team' });
    assert.equal((await ask(`${encode({ alg: 'ES256' })}.${claims}.AAAA`)).code, 'issuer_unavailable');
    const { issuers } = await sidecar.json(['status']);
    const problems = issuers as Readonly<Record<string, { readonly problem: string }>>;
    for (const id of ['lured-by-name', 'lured-by-number'])
      assert.match(problems[id]?.problem ?? '', /address is private/);
    assert.match(sidecar.logs.join('\n'), /introspection_failed.*lured-by-question.*address is private/);
    assert.equal(lured, 0);
  });

  it('go on through a change of the signing key under load, with no request failed', async () => {
    const outcomes = new Map<string, number>();
    let running = true;
    const worker = async (): Promise<void> => {
      while (running) {
        const { code } = await ask(await provider.clientCredentials());
        outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      }
    };
    const count = (): number => outcomes.get('allow') ?? 0;
    const workers = Array.from({ length: 4 }, worker);
    for (let rotation = 1; rotation <= 2; rotation++) {
      const from = count();
      await provider.rotate();
      await until(() => count() >= from + 40, 'forty tokens of the new key');
    }
    running = false;
    await Promise.all(workers);
    assert.deepEqual([...outcomes.keys()], ['allow']);
  });

  it('are refused within a second once they are on the deny-list, and until then only', async () => {
    const token = await provider.clientCredentials();
    assert.equal((await ask(token)).code, 'allow');
    const denied = await sidecar.json(['token', 'deny', '--issuer', 'local', '--jti', String(decodeJwt(token).jti)]);
    const began = performance.now();
    await until(async () => (await ask(token)).code === 'token_revoked', 'the token is refused');
    assert.ok(performance.now() - began < 5_000);
    assert.equal((await ask(await provider.clientCredentials())).code, 'allow');
    await sidecar.json(['delete', 'revocation', String(denied['id'])]);
    await until(async () => (await ask(token)).code === 'allow', 'the token is allowed again');
  });

  it('verify while the provider is down, whether they were seen before or not', async () => {
    const [seen, unseen] = [await provider.clientCredentials(), await provider.clientCredentials()];
    assert.equal((await ask(seen)).code, 'allow');
    provider.setDown(true);
    try {
      assert.equal((await ask(seen)).code, 'allow');
      assert.equal((await ask(unseen)).code, 'allow');
    } finally {
      provider.setDown(false);
    }
  });

  it('that are opaque are asked about, by signed answers, and refused when their issuer revoked them', async () => {
    const token = await asked.clientCredentials('urn:opaque');
    assert.ok(!token.includes('.'));
    assert.equal((await ask(token)).code, 'allow');
    await asked.revoke(token);
    await until(async () => (await ask(token)).code === 'token_inactive', 'the answer is asked for again');
    assert.equal((await ask('never-issued')).code, 'token_inactive');
    asked.setDown(true);
    try {
      assert.equal((await ask('never-issued-either')).code, 'issuer_unavailable');
    } finally {
      asked.setDown(false);
    }
  });

  it('are asked about by a client that has a key and no secret', async () => {
    const bySecret = `client_id: ${client.id}\n      client_secret: { from: env, name: CLIENT_SECRET }`;
    const byKey = `client_id: ${keyedClient}\n      client_key: { from: env, name: CLIENT_KEY }`;
    const keyed = await startSidecar({
      resources: resources(provider.issuer, asked.issuer).replace(bySecret, byKey),
      env: { API_SECRET: 'the-secret', CLIENT_KEY: asked.clientKey, CREDENTIALFLOW_DRAIN_TIMEOUT: '100ms' },
    });
    try {
      for (let n = 0; n < 3; n++)
        assert.equal((await ask(await asked.clientCredentials('urn:opaque'), keyed)).code, 'allow');
      assert.equal((await ask('never-issued', keyed)).code, 'token_inactive');
      const { d } = JSON.parse(asked.clientKey) as { readonly d: string };
      assert.ok(!(keyed.logs.join('\n') + keyed.stderr()).includes(d));
    } finally {
      await keyed.stop();
    }
  });

  it('are nowhere in the log and the audit', () => {
    const everything = sidecar.logs.join('\n') + sidecar.stderr();
    assert.ok(!/eyJ[\w-]+\.eyJ/.test(everything));
  });

  it('show in status with the keys of their issuer', async () => {
    const { issuers } = (await sidecar.json(['status'])) as { readonly issuers: Readonly<Record<string, { readonly keys: number; readonly problem: unknown }>> }; // prettier-ignore
    assert.ok((issuers['local']?.keys ?? 0) >= 1);
    assert.equal(issuers['local']?.problem, null);
  });
});
