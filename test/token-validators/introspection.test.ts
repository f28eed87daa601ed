import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { IntrospectionSpec, IssuerSpec, ResourceRecord } from '../../sidecar/core/resources.ts';
import {
  iss,
  issuer,
  issuing,
  nowMs,
  sign,
  Signed,
  signingKey,
  type Issuing,
  type SigningKey,
} from '../support/issuing.ts';

const seconds = Math.floor(nowMs / 1_000);
const url = 'https://issuer.example.test/introspect';
const base: IntrospectionSpec = {
  url,
  client_id: 'side car',
  client_secret: { from: 'test', name: 'client' },
  auth: 'basic',
  cache_ms: 30_000,
  opaque_tokens: true,
  signed: false,
};
const asked = (more: Partial<IntrospectionSpec> = {}, spec: Partial<IssuerSpec> = {}): ResourceRecord =>
  issuer({ keys: { from: 'jwks', url: `${iss}/jwks` }, introspection: { ...base, ...more }, ...spec });
const active = { active: true, sub: 'team', aud: 'api', exp: seconds + 600, iat: seconds, scope: 'chat' };

interface Told {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function start(
  answer: (token: string) => unknown,
  more: Partial<IntrospectionSpec> = {},
  spec: Partial<IssuerSpec> = {},
): Promise<Issuing & { readonly told: Told[] }> {
  const told: Told[] = [];
  const made = await issuing([asked(more, spec)], {
    secrets: { client: 'a:secret' },
    answer(_url, body = '', headers = {}) {
      told.push({ body, headers });
      return answer(new URLSearchParams(body).get('token') ?? '');
    },
  });
  return Object.assign(made, { told });
}

describe('introspection', () => {
  it('lets an active token in, asks once for many requests, and again when the answer is old', async () => {
    const { outcome, told, clock, validator } = await start(() => active);
    assert.deepEqual(
      await Promise.all(Array.from({ length: 20 }, () => outcome('opaque-token'))),
      Array(20).fill('allow'),
    );
    assert.equal(told.length, 1);
    assert.ok(!(validator.validate('opaque-token') instanceof Promise));
    clock.advance(29_999);
    assert.equal(await outcome('opaque-token'), 'allow');
    assert.equal(told.length, 1);
    clock.advance(1);
    assert.equal(await outcome('opaque-token'), 'allow');
    assert.equal(told.length, 2);
  });

  it('notices a revocation at the issuer when the answer is old, at once where none is kept', async () => {
    for (const cache_ms of [30_000, 0]) {
      let answer: object = active;
      const { outcome, clock } = await start(() => answer, { cache_ms });
      assert.equal(await outcome('opaque-token'), 'allow');
      answer = { active: false };
      assert.equal(await outcome('opaque-token'), cache_ms === 0 ? 'token_inactive' : 'allow');
      clock.advance(cache_ms);
      assert.equal(await outcome('opaque-token'), 'token_inactive');
    }
  });

  it('uses no answer longer than the token lives', async () => {
    const { outcome, clock } = await start(() => ({ ...active, exp: seconds + 5 }), {}, { clock_tolerance_ms: 0 });
    assert.equal(await outcome('opaque-token'), 'allow');
    clock.advance(5_000);
    assert.equal(await outcome('opaque-token'), 'token_expired');
  });

  it('keeps a refusal for a moment', async () => {
    const { outcome, told, clock } = await start(() => ({ active: false }));
    for (let n = 0; n < 5; n++) assert.equal(await outcome('opaque-token'), 'token_inactive');
    assert.equal(told.length, 1);
    clock.advance(10_000);
    assert.equal(await outcome('opaque-token'), 'token_inactive');
    assert.equal(told.length, 2);
  });

  it('shows the client as it is told to, and the token in the body only', async () => {
    const basic = await start(() => active);
    await basic.outcome('opaque-token');
    const authorization = `Basic ${Buffer.from('side+car:a%3Asecret').toString('base64')}`;
    assert.deepEqual(
      basic.told.map(({ headers, body }) => [headers['authorization'], body]),
      [[authorization, 'token=opaque-token&token_type_hint=access_token']],
    );
    assert.deepEqual(new Set(basic.asked), new Set([url]), 'no keys are asked for');
    const post = await start(() => active, { auth: 'post' });
    await post.outcome('opaque-token');
    assert.equal(post.told[0]?.headers['authorization'], undefined);
    assert.match(post.told[0]?.body ?? '', /client_id=side\+car&client_secret=a%3Asecret$/);
  });

  describe('as a client with a key (RFC 7523)', () => {
    const byKey = { client_secret: undefined, client_key: { from: 'test', name: 'key' }, auth: 'private_key_jwt' } as const; // prettier-ignore
    const withKey = async (key: string, more: Partial<IntrospectionSpec> = {}) => {
      const bodies: URLSearchParams[] = [];
      const made = await issuing([asked({ ...byKey, cache_ms: 0, ...more })], {
        secrets: { key },
        answer(_url, body = '') {
          bodies.push(new URLSearchParams(body));
          return active;
        },
      });
      return { ...made, bodies };
    };

    it('signs an assertion of its own for each question, for the issuer, for a minute', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const { outcome, bodies } = await withKey(pem);
      assert.equal(await outcome('opaque-token'), 'allow');
      assert.equal(await outcome('opaque-token'), 'allow');
      const ids = new Set<unknown>();
      for (const body of bodies) {
        assert.equal(body.get('client_id'), 'side car');
        assert.equal(body.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
        assert.equal(body.get('client_secret'), null);
        const { payload, protectedHeader } = await jwtVerify(body.get('client_assertion') ?? '', publicKey, {
          issuer: 'side car',
          subject: 'side car',
          audience: iss,
          currentDate: new Date(nowMs),
        });
        assert.deepEqual(protectedHeader, { alg: 'ES256' });
        assert.equal(payload.exp, seconds + 60);
        ids.add(payload.jti);
      }
      assert.equal(ids.size, 2);
    });

    it('takes algorithm and kid of a JWK, and another audience where it is told one', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
      const jwk = { ...privateKey.export({ format: 'jwk' }), alg: 'PS256', kid: 'mine' };
      const { outcome, bodies } = await withKey(JSON.stringify(jwk), { assertion_audience: `${iss}/token` });
      assert.equal(await outcome('opaque-token'), 'allow');
      const verified = await jwtVerify(bodies[0]?.get('client_assertion') ?? '', publicKey, {
        audience: `${iss}/token`,
        currentDate: new Date(nowMs),
      });
      assert.deepEqual(verified.protectedHeader, { alg: 'PS256', kid: 'mine' });
    });

    it('asks nobody with a key that is none, and says what is wrong without showing it', async () => {
      const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
      const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const table: readonly (readonly [key: string, problem: RegExp])[] = [
        ['', /no private key/],
        ['hunter2-hunter2', /no private key/],
        ['{ "kty": hunter2', /no JSON/],
        [JSON.stringify(ec.publicKey.export({ format: 'jwk' })), /no private key/],
        [JSON.stringify({ ...ec.privateKey.export({ format: 'jwk' }), alg: 'RS256' }), /cannot sign/],
        [pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey), /2048 bits/],
        [pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), /cannot sign/],
        [pem(generateKeyPairSync('x25519').privateKey), /cannot sign/],
      ];
      for (const [key, problem] of table) {
        const { outcome, bodies, log } = await withKey(key);
        assert.equal(await outcome('opaque-token'), 'issuer_unavailable');
        assert.equal(bodies.length, 0);
        const lines = JSON.stringify(log.lines);
        assert.match(lines, problem);
        assert.ok(!/hunter2|PRIVATE KEY-|"d"/.test(lines));
      }
    });
  });

  const answers: readonly (readonly [what: string, answer: unknown, code: string])[] = [
    ['active that is not true', { ...active, active: 'true' }, 'token_inactive'],
    ['no active', { sub: 'team' }, 'issuer_unavailable'],
    ['no object', [], 'issuer_unavailable'],
    ['another audience', { ...active, aud: ['x', 'y'] }, 'token_audience_wrong'],
    ['no audience', { ...active, aud: undefined }, 'token_audience_wrong'],
    ['another issuer', { ...active, iss: 'https://evil.example.test' }, 'token_claims_refused'],
    ['a token that has expired', { ...active, exp: seconds - 31 }, 'token_expired'],
    ['a token that is not valid yet', { ...active, nbf: seconds + 31 }, 'token_not_yet_valid'],
    ['times that are texts', { ...active, exp: '9999999999' }, 'token_claims_refused'],
    ['a token that is bound to a key', { ...active, cnf: { jkt: 'x' } }, 'token_bound'],
    ['a token that is bound to a certificate', { ...active, cnf: { 'x5t#S256': 'x' } }, 'token_bound'],
    ['a token of the type DPoP', { ...active, token_type: 'DPoP' }, 'token_bound'],
    ['a token of the type Bearer', { ...active, token_type: 'Bearer' }, 'allow'],
    ['nobody we know', { ...active, sub: 'nobody' }, 'consumer_unknown'],
    ['no exp', { ...active, exp: undefined }, 'allow'],
    ['an error', 500, 'issuer_unavailable'],
    ['that our client is not known', 401, 'issuer_unavailable'],
    ['a redirect', 302, 'issuer_unavailable'],
  ];
  for (const [what, answer, code] of answers) {
    it(`answers ${code} where the issuer tells ${what}`, async () => {
      const { outcome } = await start(() => answer);
      assert.equal(await outcome('opaque-token'), code);
    });
  }

  it('takes a bound token without its proof where its issuer’s resource says so', async () => {
    for (const more of [{ cnf: { jkt: 'x' } }, { token_type: 'DPoP' }]) {
      const { outcome } = await start(() => ({ ...active, ...more }), {}, { bound_tokens: 'accept' });
      assert.equal(await outcome('opaque-token'), 'allow');
    }
  });

  it('stops asking an issuer that fails, says so once, and goes on when it answers', async () => {
    let answer: unknown = 503;
    const { outcome, told, log, clock } = await start(() => answer);
    for (let n = 0; n < 20; n++) assert.equal(await outcome(`token-${String(n)}`), 'issuer_unavailable');
    assert.equal(told.length, 5);
    assert.equal(log.events().filter((event) => event === 'introspection_failed').length, 1);
    answer = active;
    clock.advance(1_000);
    assert.equal(await outcome('token-1'), 'allow', 'what could not be known was not kept');
  });

  it('is for the JWTs of its issuer, too, and for nobody else’s', async () => {
    const key = await signingKey();
    const { outcome, told } = await start(() => active);
    assert.equal(await outcome(await sign(key)), 'allow');
    assert.equal(await outcome(await sign(key, { iss: 'https://evil.example.test' })), 'issuer_unknown');
    assert.equal(told.length, 1);
  });

  it('is not asked about the keys of providers, nor about tokens that nobody or several claim', async () => {
    const { outcome, told, use } = await start(() => active);
    for (const token of ['sk-proj-abcdefgh', 'AIzaSyA-abc', 'ghp_abcdefgh', 'AKIAABCDEFGH'])
      assert.equal(await outcome(token), 'token_malformed');
    await use([asked({ opaque_tokens: false })]);
    assert.equal(await outcome('opaque-token'), 'token_malformed');
    await use([asked(), { ...asked({}, { issuer: 'https://other.example.test' }), id: 'other' }]);
    assert.equal(await outcome('opaque-token'), 'token_malformed');
    assert.equal(told.length, 0);
  });
});

describe('a signed answer (RFC 9701)', () => {
  let key: SigningKey;
  before(async () => {
    key = await signingKey('ES256', 'k1');
  });

  const answer = (by: SigningKey, more: object = {}, typ = 'token-introspection+jwt'): Promise<string> =>
    new SignJWT({ iss, aud: 'side car', iat: seconds, token_introspection: active, ...more })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ })
      .sign(by.privateKey);

  it('is believed where the issuer signed it for us, and otherwise not', async () => {
    const other = await signingKey('ES256', 'k1');
    const table: readonly (readonly [string, string])[] = [
      [await answer(key), 'allow'],
      [await answer(other), 'issuer_unavailable'],
      [await answer(key, { aud: 'another' }), 'issuer_unavailable'],
      [await answer(key, { iss: 'https://evil.example.test' }), 'issuer_unavailable'],
      [await answer(key, {}, 'JWT'), 'issuer_unavailable'],
      [await answer(key, { token_introspection: { active: false } }), 'token_inactive'],
      [JSON.stringify(active), 'issuer_unavailable'],
    ];
    for (const [jwt, code] of table) {
      const { outcome } = await issuing([asked({ signed: true })], {
        answer: (where) => (where === url ? new Signed(jwt) : { keys: [key.jwk] }),
      });
      assert.equal(await outcome('opaque-token'), code);
    }
  });
});
