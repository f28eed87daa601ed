import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { describeToken } from '../../sidecar/core/describe-token.ts';
import { question, resource } from '../support/deciding.ts';
import { inline, issuer, issuing, nowMs, sign, signingKey, type SigningKey } from '../support/issuing.ts';

const seconds = Math.floor(nowMs / 1_000);
const jwks = { from: 'jwks', url: 'https://issuer.example.test/jwks' } as const;
let key: SigningKey;
let next: SigningKey;

before(async () => {
  [key, next] = await Promise.all([signingKey('ES256', 'k1'), signingKey('ES256', 'k2')]);
});

describe('a verified token', () => {
  it('is answered synchronously from then on, and judged by the clock each time', async () => {
    const { outcome, validator, clock } = await issuing([inline([key.jwk])]);
    const token = await sign(key, { nbf: seconds - 5 });
    assert.equal(await outcome(token), 'allow');
    assert.ok(!(validator.validate(token) instanceof Promise));
    clock.advance(629_000);
    assert.equal(await outcome(token), 'allow', 'exp and the tolerance of 30 s');
    clock.advance(1_000);
    assert.equal(await outcome(token), 'token_expired');
  });

  it('may be ahead or late by the tolerance that its issuer has', async () => {
    const { outcome } = await issuing([inline([key.jwk], { clock_tolerance_ms: 5_000 })]);
    assert.equal(await outcome(await sign(key, { iat: seconds + 4, nbf: seconds + 4 })), 'allow');
    assert.equal(await outcome(await sign(key, { exp: seconds - 4 })), 'allow');
    assert.equal(await outcome(await sign(key, { nbf: seconds + 6 })), 'token_not_yet_valid');
    assert.equal(await outcome(await sign(key, { exp: seconds - 6 })), 'token_expired');
  });

  it('is too old after max_age, also when it was known before', async () => {
    const { outcome, clock } = await issuing([inline([key.jwk], { max_age_ms: 60_000 })]);
    const token = await sign(key, { exp: seconds + 86_400 });
    assert.equal(await outcome(token), 'allow');
    assert.equal(await outcome(await sign(key, { iat: seconds - 91 })), 'token_too_old');
    assert.equal(await outcome(await sign(key, { iat: undefined })), 'token_too_old');
    clock.advance(91_000);
    assert.equal(await outcome(token), 'token_expired');
  });

  it('must be of the type that its issuer says', async () => {
    const { outcome } = await issuing([inline([key.jwk], { typ: 'at+jwt' })]);
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt'])
      assert.equal(await outcome(await sign(key, {}, { typ })), 'allow');
    for (const typ of ['JWT', 'dpop+jwt', undefined])
      assert.equal(await outcome(await sign(key, {}, typ === undefined ? {} : { typ })), 'token_type_refused');
  });

  it('is verified again when its issuer changes, and refused when that is gone, disabled or doubled', async () => {
    const { outcome, use } = await issuing([inline([key.jwk])]);
    const token = await sign(key);
    assert.equal(await outcome(token), 'allow');
    await use([inline([key.jwk], { audience: ['other'] })]);
    assert.equal(await outcome(token), 'token_audience_wrong');
    await use([inline([key.jwk])]);
    assert.equal(await outcome(token), 'allow', 'the refusal was by what the issuer said then');
    await use([{ ...inline([key.jwk]), disabled: true }]);
    assert.equal(await outcome(token), 'issuer_disabled');
    await use([inline([key.jwk]), { ...inline([key.jwk]), id: 'twin' }]);
    assert.equal(await outcome(token), 'issuer_unknown');
    await use([inline([next.jwk])]);
    assert.equal(await outcome(token), 'token_key_unknown');
    await use([]);
    assert.equal(await outcome(token), 'issuer_unknown');
  });

  it('is bound to a key only where its issuer accepts that without proof', async () => {
    const { outcome } = await issuing([inline([key.jwk], { bound_tokens: 'accept' })]);
    assert.equal(await outcome(await sign(key, { cnf: { jkt: 'x' } })), 'allow');
  });

  it('has the claims that are required', async () => {
    const required_claims = { 'org.id': ['7'], roles: ['ops', 'dev'], verified: ['true'], tenant: [] };
    const { outcome, log } = await issuing([inline([key.jwk], { required_claims })]);
    const good = { org: { id: 7 }, roles: ['x', 'dev'], verified: true, tenant: 'any' };
    assert.equal(await outcome(await sign(key, good)), 'allow');
    for (const bad of [{ org: { id: 8 } }, { org: 7 }, { roles: 'admin' }, { verified: false }, { tenant: undefined }])
      assert.equal(await outcome(await sign(key, { ...good, ...bad })), 'token_claims_refused', JSON.stringify(bad));
    assert.ok(log.lines.some(({ fields }) => fields['claim'] === 'org.id'));
  });
});

describe('claims become', () => {
  it('a consumer that is known, by a template in which no two holders are one', async () => {
    const consumers = ['ci-acme_2fweb', 'ci-acme-web'].map((id) => resource('consumer', id, { groups: ['search'] }));
    const { outcome, ctx } = await issuing([inline([key.jwk], { consumer: 'ci-${repository}' }), ...consumers]);
    for (const repository of ['acme/web', 'acme-web'])
      assert.equal(await outcome(await sign(key, { repository })), 'allow');
    assert.deepEqual(
      ctx.recorded.map(({ deliberation }) => deliberation.consumerId),
      ['ci-acme_2fweb', 'ci-acme-web'],
    );
    assert.equal(await outcome(await sign(key, { repository: 'Acme/web' })), 'consumer_unknown');
    assert.equal(await outcome(await sign(key, { repository: ['acme/web', 'acme-web'] })), 'token_claims_refused');
  });

  it('a consumer that is no resource, who has nothing but its issuer and its groups', async () => {
    const may = resource('policy', 'ci', { labels: { issuer: 'corp' } });
    const mapping = { consumers: 'any', groups: ['repo:${repository}', '${roles}'] } as const;
    const { outcome, ctx, use } = await issuing([inline([key.jwk], mapping), may]);
    // The id of a resource is not taken over.
    assert.equal(await outcome(await sign(key, { sub: 'team' })), 'allow');
    assert.equal(ctx.recorded.at(-1)?.deliberation.consumerId, 'corp/team');
    await use([inline([key.jwk], mapping)]);
    assert.equal(await outcome(await sign(key, { sub: 'team' })), 'policy_no_match');
    await use([inline([key.jwk], mapping), resource('policy', 'web', { groups: ['repo:acme/web'] })]);
    assert.equal(await outcome(await sign(key, { repository: 'acme/web' })), 'allow');
    assert.equal(await outcome(await sign(key, { repository: 'acme/api' })), 'policy_no_match');
  });

  it('groups beside those of the consumer, in allow and in deny rules, by the snapshot of now', async () => {
    const records = [inline([key.jwk], { groups: ['${realm.roles}'] })];
    const { outcome, use } = await issuing(records);
    const token = await sign(key, { realm: { roles: ['ops', 'not a name', 7] } });
    assert.equal(await outcome(token), 'allow');
    await use([...records, resource('policy', 'no-ops', { effect: 'deny', groups: ['ops'] })]);
    assert.equal(await outcome(token), 'policy_denied');
    await use([...records, { ...resource('consumer', 'team'), disabled: true }]);
    assert.equal(await outcome(token), 'consumer_disabled');
    assert.equal(await outcome(await sign(key, { realm: { roles: Array.from({ length: 201 }, String) } })), 'token_claims_refused'); // prettier-ignore
  });

  it('scopes, from words and from lists', async () => {
    const { ctx, validator } = await issuing([inline([key.jwk], { scopes: ['scope', 'scp'] })]);
    const token = await sign(key, { scope: 'read write', scp: ['admin', 'read'] });
    const facts = await validator.validate(token);
    assert.ok(!('deny' in facts));
    assert.deepEqual(facts.issued?.scopes, ['read', 'write', 'admin']);
    const own = await describeToken(question({ authorization: `Bearer ${token}` }), ctx);
    assert.deepEqual('token' in own && own.token.scopes, ['read', 'write', 'admin']);
  });
});

describe('the deny-list', () => {
  const revocation = (spec: object, id = 'r'): ReturnType<typeof resource> =>
    resource('revocation', id, { issuer: 'corp', ...spec });

  it('refuses by token, jti, subject and time of issue, together and apart, and by nothing else', async () => {
    const base = [inline([key.jwk])];
    const { outcome, use, ctx } = await issuing(base);
    const token = await sign(key);
    assert.equal(await outcome(token), 'allow');
    const token_id = ctx.recorded.at(-1)?.deliberation.tokenId;
    const iso = (ms: number): string => new Date(ms).toISOString();
    const table: readonly (readonly [object, string])[] = [
      [{ token: token_id }, 'token_revoked'],
      [{ token: 'jwt_000000000000000000000000' }, 'allow'],
      [{ jti: 'j1' }, 'token_revoked'],
      [{ jti: 'j2' }, 'allow'],
      [{ issuer: 'other', jti: 'j1' }, 'allow'],
      [{ subject: 'team' }, 'token_revoked'],
      [{ subject: 'j1' }, 'allow'],
      [{ subject: 'team', jti: 'j2' }, 'allow'],
      [{ subject: 'team', jti: 'j1' }, 'token_revoked'],
      [{ issued_before: iso(nowMs + 1_000) }, 'token_revoked'],
      [{ issued_before: iso(nowMs - 1_000) }, 'allow'],
      [{ subject: 'team', issued_before: iso(nowMs + 1_000) }, 'token_revoked'],
      [{ jti: 'j1', expires_at: iso(nowMs - 1) }, 'allow'],
      [{ jti: 'j1', expires_at: iso(nowMs + 1) }, 'token_revoked'],
      [{}, 'token_revoked'],
    ];
    for (const [spec, expected] of table) {
      await use([...base, revocation(spec)]);
      assert.equal(await outcome(token), expected, JSON.stringify(spec));
    }
    await use([...base, { ...revocation({ jti: 'j1' }), disabled: true }]);
    assert.equal(await outcome(token), 'allow');
  });

  it('means the same token however its signature is written', async () => {
    const { outcome, use, ctx } = await issuing([inline([key.jwk])]);
    const token = await sign(key);
    await outcome(token);
    await use([inline([key.jwk]), revocation({ token: ctx.recorded.at(-1)?.deliberation.tokenId })]);
    // n - s instead of s is a valid signature of the same text (ECDSA).
    const [head = '', body = '', signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const twin = `${head}.${body}.${other.toString('base64url')}`;
    assert.notEqual(twin, token);
    assert.equal(await outcome(twin), 'token_revoked');
  });

  it('refuses more, not less, where an entry of it is damaged', async () => {
    const { outcome, use } = await issuing([inline([key.jwk])]);
    const token = await sign(key);
    for (const damage of [
      { jti: 7, subject: 'team' },
      { subject: {} },
      { issuer: 7, jti: 'j2' },
      { expires_at: 'x', jti: 'j1' },
    ]) {
      await use([inline([key.jwk]), revocation(damage)]);
      assert.equal(await outcome(token), 'token_revoked', JSON.stringify(damage));
    }
    await use([inline([key.jwk]), revocation({ jti: 'j2', expires_at: 'x' })]);
    assert.equal(await outcome(token), 'allow');
  });
});

describe('the keys of an issuer', () => {
  it('are fetched once, ahead of the first token, and again ahead of their expiry', async () => {
    let published = [key.jwk];
    const { outcome, asked, clock } = await issuing([issuer({ keys: jwks })], { answer: () => ({ keys: published }) });
    assert.deepEqual(asked, [jwks.url]);
    const tokens = await Promise.all([1, 2, 3].map((n) => sign(key, { jti: String(n) })));
    assert.deepEqual(await Promise.all(tokens.map(outcome)), ['allow', 'allow', 'allow']);
    assert.equal(asked.length, 1);
    published = [key.jwk, next.jwk];
    clock.advance(450_000);
    await turns();
    assert.equal(asked.length, 2, 'after three quarters of ten minutes');
    assert.equal(await outcome(await sign(next, { exp: seconds + 3_600 })), 'allow');
    assert.equal(asked.length, 2, 'the new key was known before its first token');
  });

  it('are fetched for a key that is not known, a few times at once and no more', async () => {
    let published = [key.jwk];
    const { outcome, asked, clock } = await issuing([issuer({ keys: jwks })], { answer: () => ({ keys: published }) });
    const first = await sign(key);
    assert.equal(await outcome(first), 'allow');
    for (let n = 0; n < 20; n++) assert.equal(await outcome(await sign(next, { jti: String(n) })), 'token_key_unknown');
    assert.equal(asked.length, 4, 'at the start, and three times for keys that are not known');
    published = [next.jwk];
    clock.advance(10_000);
    assert.equal(await outcome(await sign(next)), 'allow');
    assert.equal(asked.length, 5);
    assert.equal(await outcome(first), 'token_key_unknown', 'what was verified with a key ends with it');
  });

  it('are waited for by all who need them, at most 600 ms', async () => {
    const answered = Promise.withResolvers<unknown>();
    const { outcome, asked, clock } = await issuing([issuer({ keys: jwks })], { answer: () => answered.promise });
    const waiting = [outcome(await sign(key, { jti: 'a' })), outcome(await sign(key, { jti: 'b' }))];
    await turns();
    clock.advance(600);
    assert.deepEqual(await Promise.all(waiting), ['issuer_unavailable', 'issuer_unavailable']);
    const later = outcome(await sign(key, { jti: 'a' }));
    answered.resolve({ keys: [key.jwk] });
    assert.equal(await later, 'allow');
    assert.equal(asked.length, 1);
  });

  it('serve for a day while the issuer is down, which is said once and asked less and less often', async () => {
    let up = true;
    const { outcome, asked, clock, log } = await issuing([issuer({ keys: jwks })], {
      answer: () => (up ? { keys: [key.jwk] } : undefined),
    });
    const day = 86_400_000;
    const token = (jti: string): Promise<string> => sign(key, { jti, exp: seconds + 100_000 });
    assert.equal(await outcome(await token('a')), 'allow');
    up = false;
    for (let minute = 0; minute < 23 * 60; minute++) {
      clock.advance(60_000);
      await turns();
    }
    assert.equal(await outcome(await token('b')), 'allow');
    assert.equal(
      await outcome(await sign(next, { exp: seconds + 100_000 })),
      'issuer_unavailable',
      'its key may be new',
    );
    assert.ok(asked.length < 23 * 60 + 20);
    assert.equal(log.events().filter((event) => event === 'issuer_keys_unavailable').length, 1);
    clock.advance(day / 24 + 60_000);
    assert.equal(await outcome(await token('c')), 'issuer_unavailable');
    up = true;
    clock.advance(60_000);
    await turns();
    assert.equal(await outcome(await token('c')), 'allow');
    assert.ok(log.events().includes('issuer_keys_available'));
  });

  it('are kept when the issuer answers with nothing that can be used', async () => {
    const answers: unknown[] = [
      { keys: [key.jwk] },
      { keys: [] },
      { keys: 'x' },
      'x',
      null,
      { keys: [{ kty: 'oct', k: 'AAAA' }] },
    ];
    const { outcome, keys, clock } = await issuing([issuer({ keys: jwks })], { answer: () => answers.shift() ?? 'x' });
    assert.equal(await outcome(await sign(key, { exp: seconds + 9_999 })), 'allow');
    for (let n = 0; n < 8; n++) {
      clock.advance(450_000);
      await turns();
      assert.equal(await outcome(await sign(key, { jti: String(n), exp: seconds + 9_999 })), 'allow');
    }
    assert.match(keys.report()['corp']?.problem ?? '', /no JSON object|no key/);
  });

  it('come from metadata that is the issuer’s own, over https', async () => {
    const discovery = {
      from: 'discovery',
      url: 'https://issuer.example.test/.well-known/openid-configuration',
    } as const;
    const tell = async (metadata: object): Promise<string | undefined> => {
      const { outcome, keys } = await issuing([issuer({ keys: discovery })], {
        answer: (url) => (url === discovery.url ? metadata : { keys: [key.jwk] }),
      });
      await outcome(await sign(key));
      return keys.report()['corp']?.problem;
    };
    const good = { issuer: 'https://issuer.example.test', jwks_uri: 'https://keys.example.test/' };
    assert.equal(await tell(good), undefined);
    assert.match((await tell({ ...good, issuer: 'https://issuer.example.test/' })) ?? '', /another issuer/);
    assert.match((await tell({ ...good, jwks_uri: 'http://keys.example.test/' })) ?? '', /not https/);
    assert.match((await tell({ ...good, jwks_uri: 'file:///etc/passwd' })) ?? '', /not https/);
    assert.match((await tell({ ...good, jwks_uri: undefined })) ?? '', /no jwks_uri/);
  });

  it('are not fetched again when only the mapping changes', async () => {
    const { outcome, asked, use } = await issuing([issuer({ keys: jwks })], { answer: () => ({ keys: [key.jwk] }) });
    const token = await sign(key);
    assert.equal(await outcome(token), 'allow');
    await use([issuer({ keys: jwks, groups: ['${roles}'] })]);
    assert.equal(await outcome(token), 'allow');
    assert.equal(asked.length, 1);
  });
});

describe('signature checks', () => {
  it('are one for many requests with one token, and bounded in number', async () => {
    const { outcome } = await issuing([inline([key.jwk])], { gate: { concurrency: 1, queue: 2 } });
    const same = await sign(key, { jti: 'same' });
    assert.deepEqual(await Promise.all(Array.from({ length: 50 }, () => outcome(same))), Array(50).fill('allow'));
    const others = await Promise.all(Array.from({ length: 10 }, (_, n) => sign(key, { jti: String(n) })));
    const outcomes = await Promise.all(others.map(outcome));
    assert.deepEqual(new Set(outcomes), new Set(['allow', 'overloaded']));
    // What was refused for lack of room is not held against it.
    for (const token of others) assert.equal(await outcome(token), 'allow');
  });
});

/** Lets what waits for promises go on. */
async function turns(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
}
