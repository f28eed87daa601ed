/**
 * The known attacks on JWTs (RFC 8725, and what was found in libraries since), each with the code of its denial. The
 * table is printed, so that a reader of the test's output sees what is refused and how.
 */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, KeyObject, sign as signBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { exportSPKI, importJWK, type CryptoKey, type JWK } from 'jose';
import type { DenialCode } from '../../sidecar/core/codes.ts';
import {
  encode,
  inline,
  iss,
  issuing,
  nowMs,
  sign,
  signingKey,
  type Issuing,
  type SigningKey,
} from '../support/issuing.ts';

const seconds = Math.floor(nowMs / 1_000);
const usual = { iss, sub: 'team', aud: 'api', iat: seconds, exp: seconds + 600 };

let es: SigningKey;
let rs: SigningKey;
let ed: SigningKey;
let foreign: SigningKey;
let corp: Issuing;
const rows: (readonly [attack: string, code: string])[] = [];

before(async () => {
  [es, rs, ed, foreign] = await Promise.all([
    signingKey('ES256', 'es'),
    signingKey('RS256', 'rs'),
    signingKey('EdDSA', 'ed'),
    signingKey('ES256', 'es'),
  ]);
  corp = await issuing([inline([es.jwk, rs.jwk, ed.jwk], { algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'] })]);
});

after(() => {
  const width = Math.max(...rows.map(([attack]) => attack.length));
  console.log(rows.map(([attack, code]) => `  ${attack.padEnd(width)}  ${code}`).join('\n'));
});

/** Signed text with header and payload exactly as given. */
async function raw(header: string, payload: string, key: SigningKey = es): Promise<string> {
  const text = `${encode(header)}.${encode(payload)}`;
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(algorithm, key.privateKey, Buffer.from(text));
  return `${text}.${Buffer.from(signature).toString('base64url')}`;
}

const withPublicKeyAsSecret = async (): Promise<readonly string[]> => {
  const spki = await exportSPKI((await importJWK(rs.jwk, 'RS256', { extractable: true })) as CryptoKey);
  const text = `${encode({ alg: 'HS256', kid: 'rs' })}.${encode(usual)}`;
  return [spki, spki.trim(), JSON.stringify(rs.jwk), String(rs.jwk.n), ''].map(
    (secret) => `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`,
  );
};

const signatureOf = (token: string): string => token.split('.')[2] ?? '';
const withSignature = (token: string, signature: string | Uint8Array): string =>
  `${token.split('.').slice(0, 2).join('.')}.${typeof signature === 'string' ? signature : Buffer.from(signature).toString('base64url')}`;

type Tokens = string | readonly string[] | Promise<string | readonly string[]>;

/** What is presented, and what it must be denied as. */
const attacks: Readonly<Record<string, readonly [() => Tokens, DenialCode]>> = {
  'alg: none, without a signature': [() => `${encode({ alg: 'none' })}.${encode(usual)}.`, 'token_algorithm_refused'],
  'alg: none in other spellings': [
    () => ['None', 'NONE', 'nOnE', 'none ', ''].map((alg) => `${encode({ alg })}.${encode(usual)}.`),
    'token_algorithm_refused',
  ],
  'alg: none with the signature of another': [
    async () => `${encode({ alg: 'none' })}.${encode(usual)}.${signatureOf(await sign(es))}`,
    'token_algorithm_refused',
  ],
  'the public RSA key as HMAC secret': [withPublicKeyAsSecret, 'token_algorithm_refused'],
  'alg that the issuer does not allow': [async () => sign(await signingKey('ES384', 'es')), 'token_algorithm_refused'],
  'alg of another key type than the kid': [
    async () => withSignature(`${encode({ alg: 'RS256', kid: 'es' })}.${encode(usual)}.`, 'AAAA'),
    'token_key_unknown',
  ],
  'no alg': [() => `${encode({ kid: 'es' })}.${encode(usual)}.AAAA`, 'token_malformed'],
  'alg that is no text': [() => `${encode({ alg: ['ES256'] })}.${encode(usual)}.AAAA`, 'token_malformed'],
  'signature left out': [async () => withSignature(await sign(es), ''), 'token_signature_invalid'],
  'signature of zeros (CVE-2022-21449)': [
    async () => withSignature(await sign(es), new Uint8Array(64)),
    'token_signature_invalid',
  ],
  'ECDSA with r or s of the order of the curve': [
    async () => {
      const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
      const token = await sign(es);
      return [Buffer.concat([order, order]), Buffer.concat([Buffer.alloc(32, 1), order])].map((bytes) =>
        withSignature(token, bytes),
      );
    },
    'token_signature_invalid',
  ],
  'ECDSA signature in DER instead of r and s': [
    () => {
      const text = `${encode({ alg: 'ES256', kid: 'es' })}.${encode(usual)}`;
      return withSignature(`${text}.`, signBytes('sha256', Buffer.from(text), KeyObject.from(es.privateKey)));
    },
    'token_signature_invalid',
  ],
  'Ed25519 signature of zeros': [
    async () => withSignature(await sign(ed), new Uint8Array(64)),
    'token_signature_invalid',
  ],
  'signed by somebody else under the same kid': [() => sign(foreign), 'token_signature_invalid'],
  'claims changed after signing': [
    async () => {
      const [head = '', , signature = ''] = (await sign(es)).split('.');
      return `${head}.${encode({ ...usual, sub: 'admin' })}.${signature}`;
    },
    'token_signature_invalid',
  ],
  'its own key in the header (jwk)': [() => sign(foreign, {}, { jwk: foreign.jwk }), 'token_signature_invalid'],
  'its own key set in the header (jku)': [
    () => sign({ ...foreign, jwk: { ...foreign.jwk, kid: 'x' } }, {}, { jku: 'https://evil.example.test/jwks' }),
    'token_key_unknown',
  ],
  'its own certificate in the header (x5u, x5c)': [
    () => sign(foreign, {}, { x5u: 'https://evil.example.test/x5u', x5c: ['AAAA'] }),
    'token_signature_invalid',
  ],
  'kid that is a path': [() => sign(foreign, {}, { kid: '../../../../dev/null' }), 'token_key_unknown'],
  'kid that is SQL': [() => sign(foreign, {}, { kid: "x' UNION SELECT 'AAAA' --" }), 'token_key_unknown'],
  'kid that is a command': [() => sign(foreign, {}, { kid: '|/usr/bin/id' }), 'token_key_unknown'],
  'kid that is a member of every object': [
    async () => Promise.all(['__proto__', 'constructor', 'toString'].map((kid) => sign(foreign, {}, { kid }))),
    'token_key_unknown',
  ],
  'kid that is no text': [
    () => raw('{"alg":"ES256","kid":{"$ne":null}}', JSON.stringify(usual)),
    'token_header_refused',
  ],
  'kid of 10 KB': [() => sign(es, {}, { kid: 'k'.repeat(10_000) }), 'token_header_refused'],
  'crit that nobody knows': [
    () => raw('{"alg":"ES256","kid":"es","crit":["exp"],"exp":1}', JSON.stringify(usual)),
    'token_header_refused',
  ],
  'crit that is empty': [
    () => raw('{"alg":"ES256","kid":"es","crit":[]}', JSON.stringify(usual)),
    'token_header_refused',
  ],
  'payload that is not encoded (b64: false)': [
    () => raw('{"alg":"ES256","kid":"es","b64":false,"crit":["b64"]}', JSON.stringify(usual)),
    'token_header_refused',
  ],
  'compressed payload (zip)': [
    () => raw('{"alg":"ES256","kid":"es","zip":"DEF"}', JSON.stringify(usual)),
    'token_header_refused',
  ],
  'encrypted token (JWE) cut to three parts': [
    () => `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA`,
    'token_header_refused',
  ],
  'encrypted token (JWE)': [() => `${encode({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`, 'token_malformed'],
  'a claim twice': [
    () => raw('{"alg":"ES256","kid":"es"}', `{"sub":"admin",${JSON.stringify(usual).slice(1)}`),
    'token_malformed',
  ],
  'a claim twice, once with an escape': [
    () => raw('{"alg":"ES256","kid":"es"}', `{"s\\u0075b":"admin",${JSON.stringify(usual).slice(1)}`),
    'token_malformed',
  ],
  'a claim twice, deep inside': [
    () => raw('{"alg":"ES256","kid":"es"}', JSON.stringify({ ...usual, a: 'X' }).replace('"X"', '[{"r":1,"r":2}]')),
    'token_malformed',
  ],
  'a header field twice': [
    () => raw('{"alg":"none","alg":"ES256","kid":"es"}', JSON.stringify(usual)),
    'token_malformed',
  ],
  'payload that is no object': [
    async () => Promise.all(['[]', '"x"', 'null', '1', '{', ''].map((text) => raw('{"alg":"ES256","kid":"es"}', text))),
    'token_malformed',
  ],
  'payload that is no UTF-8': [
    async () => {
      const [head = '', , signature = ''] = (await sign(es)).split('.');
      return `${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`;
    },
    'token_malformed',
  ],
  'base64 instead of base64url, and with padding': [
    async () => {
      const [head = '', body = '', signature = ''] = (await sign(es)).split('.');
      return [`${head}=.${body}.${signature}`, `${head}.${body}==.${signature}`, `${head}.${body}.${signature}==`];
    },
    'token_malformed',
  ],
  'a list nested a thousand times': [
    () => raw('{"alg":"ES256","kid":"es"}', `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`),
    'issuer_unknown',
  ],
  'token of 17 KB': [() => sign(es, { pad: 'x'.repeat(13_000) }), 'token_too_large'],
  'token of 1 MB': [() => sign(es, { pad: 'x'.repeat(800_000) }), 'token_too_large'],
  'another issuer': [() => sign(es, { iss: 'https://evil.example.test' }), 'issuer_unknown'],
  'issuer with a slash at the end': [() => sign(es, { iss: `${iss}/` }), 'issuer_unknown'],
  'no issuer, or one that is no text': [
    async () => [await sign(es, { iss: undefined }), await sign(es, { iss: [iss] })],
    'issuer_unknown',
  ],
  'issuer that is a member of every object': [() => sign(es, { iss: '__proto__' }), 'issuer_unknown'],
  'another audience': [() => sign(es, { aud: 'other' }), 'token_audience_wrong'],
  'audience that only begins alike': [() => sign(es, { aud: ['api2', 'ap', 'API'] }), 'token_audience_wrong'],
  'no audience': [() => sign(es, { aud: undefined }), 'token_audience_wrong'],
  expired: [() => sign(es, { exp: seconds - 31 }), 'token_expired'],
  'expired half a second ago, beyond the tolerance': [() => sign(es, { exp: seconds - 30.5 }), 'token_expired'],
  'no exp': [() => sign(es, { exp: undefined }), 'token_claims_refused'],
  'exp that is a text': [() => sign(es, { exp: `${seconds + 600}` }), 'token_claims_refused'],
  'not valid yet (nbf)': [() => sign(es, { nbf: seconds + 31 }), 'token_not_yet_valid'],
  'issued in the future (iat)': [() => sign(es, { iat: seconds + 31 }), 'token_not_yet_valid'],
  'iat that is a text': [() => sign(es, { iat: 'now' }), 'token_claims_refused'],
  'sub that is no text': [() => sign(es, { sub: { $ne: '' } }), 'token_claims_refused'],
  'no sub, where the consumer is made of it': [() => sign(es, { sub: undefined }), 'token_claims_refused'],
  'sub with other characters than ids have': [() => sign(es, { sub: 'team/../admin' }), 'consumer_unknown'],
  'sub in other letters (TEAM)': [() => sign(es, { sub: 'TEAM' }), 'consumer_unknown'],
  'bound to a DPoP key (cnf.jkt)': [() => sign(es, { cnf: { jkt: 'x' } }), 'token_bound'],
  'bound to a client certificate (cnf.x5t#S256)': [() => sign(es, { cnf: { 'x5t#S256': 'x' } }), 'token_bound'],
};

describe('an attack is denied by its code, again when it comes again:', () => {
  for (const [attack, [make, code]] of Object.entries(attacks)) {
    it(attack, async () => {
      const made = await make();
      for (const token of typeof made === 'string' ? [made] : made) {
        assert.equal(await corp.outcome(token), code);
        assert.equal(await corp.outcome(token), code);
      }
      rows.push([attack, code]);
      assert.deepEqual(corp.asked, [], 'nobody was asked for keys');
      assert.deepEqual(corp.ctx.faults, []);
    });
  }

  it('while honest tokens of every key type are allowed', async () => {
    const tokens = [es, rs, ed, { ...rs, alg: 'PS256', privateKey: await asPs256(rs) }].map((key) => sign(key));
    for (const token of await Promise.all(tokens)) assert.equal(await corp.outcome(token), 'allow');
  });
});

async function asPs256({ privateKey }: SigningKey): Promise<CryptoKey> {
  const jwk = await crypto.subtle.exportKey('jwk', privateKey);
  return (await importJWK({ ...jwk, alg: 'PS256' }, 'PS256')) as CryptoKey;
}

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
