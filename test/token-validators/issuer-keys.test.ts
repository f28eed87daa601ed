/** Keys that an issuer may publish by mistake or malice, and the ones that it may have at all. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { JWK } from 'jose';
import { encode, inline, iss, issuing, nowMs, sign, signingKey, type SigningKey } from '../support/issuing.ts';

const seconds = Math.floor(nowMs / 1_000);
const usual = { iss, sub: 'team', aud: 'api', iat: seconds, exp: seconds + 600 };
let es: SigningKey;
before(async () => {
  es = await signingKey('ES256', 'es');
});

describe('a key that nothing may be verified with is left out:', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  const offCurve = { kty: 'EC', crv: 'P-256', x: encode('x'.repeat(32)), y: encode('y'.repeat(32)), kid: 'w' };
  const published = {
    ...(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) as JWK),
    kid: 'w',
  };
  const keys: Readonly<Record<string, JWK>> = {
    'RSA of 1024 bits': { ...(weak.publicKey.export({ format: 'jwk' }) as JWK), kid: 'w' },
    'a point that is not on its curve': offCurve,
    'an Ed25519 key of small order': {
      kty: 'OKP',
      crv: 'Ed25519',
      x: Buffer.alloc(32).toString('base64url'),
      kid: 'w',
    },
    'a key for encryption': { ...published, use: 'enc' },
    'a key for other operations': { ...published, key_ops: ['encrypt'] },
    'a secret': { kty: 'oct', k: encode('s'.repeat(32)), kid: 'w' },
    'a key of a type that is not known': { kty: 'AKP', pub: 'AAAA', kid: 'w' },
  };
  for (const [name, jwk] of Object.entries(keys)) {
    it(name, async () => {
      const algorithms = ['RS256', 'ES256', 'EdDSA'];
      const alone = await issuing([inline([jwk], { algorithms })]);
      const alg = jwk.kty === 'RSA' ? 'RS256' : jwk.kty === 'OKP' ? 'EdDSA' : 'ES256';
      const token = `${encode({ alg, kid: 'w' })}.${encode(usual)}.${Buffer.alloc(64).toString('base64url')}`;
      assert.equal(await alone.outcome(token), 'issuer_unavailable');
      assert.equal(alone.keys.report()['corp']?.keys, 0);
      // It does not spoil the others.
      const beside = await issuing([inline([jwk, es.jwk], { algorithms })]);
      assert.equal(await beside.outcome(token), 'token_key_unknown');
      assert.equal(await beside.outcome(await sign(es)), 'allow');
    });
  }

  it('an issuer with a secret takes HS* and nothing else, and no short secret', async () => {
    const secret = 'a-shared-secret-of-more-than-32-bytes';
    const spec = { keys: { from: 'secret', secret: { from: 'test', name: 'it' } }, algorithms: ['HS256'] } as const;
    const local = await issuing([inline([], spec)], { secrets: { it: secret } });
    const hmac = { alg: 'HS256', privateKey: new TextEncoder().encode(secret) };
    assert.equal(await local.outcome(await sign(hmac)), 'allow');
    assert.equal(await local.outcome(await sign({ ...hmac, privateKey: new TextEncoder().encode('x'.repeat(40)) })), 'token_signature_invalid'); // prettier-ignore
    assert.equal(await local.outcome(await sign(es)), 'token_algorithm_refused');
    const short = await issuing([inline([], spec)], { secrets: { it: 'short' } });
    assert.equal(await short.outcome(await sign(hmac)), 'issuer_unavailable');
    assert.match(short.keys.report()['corp']?.problem ?? '', /32 bytes/);
  });
});
