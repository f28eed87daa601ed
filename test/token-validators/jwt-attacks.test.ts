/**
 * The known attacks on JWTs (RFC 8725, and what was found in libraries since) on tokens and keys of a real OpenID provider,
 * each with the code of its denial. docs/jwt-attacks.md has the same tables, and is held to them here.
 */
import assert from 'node:assert/strict';
import { createHmac, KeyObject, randomBytes, sign as signBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, decodeProtectedHeader, exportSPKI, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import type { DenialCode } from '../../sidecar/core/codes.ts';
import type { IssuerSpec } from '../../sidecar/core/resources.ts';
import { makeCertificates, type Certificates } from '../support/certificates.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { encode, inline, issuer, issuing, signingKey, type Issuing, type SigningKey } from '../support/issuing.ts';
import { client, startOidcProvider, type OidcProvider, type TokenWishes } from '../support/oidc-provider.ts';
import { until } from '../support/until.ts';

let provider: OidcProvider;
let certificates: Certificates;
/** Of nobody that is trusted, but for {@link twin}. */
let foreign: SigningKey;
/** The private key behind the provider's ES256 signatures: what its tokens could say at worst. */
let own: CryptoKey;
let ownKid: string;
let corp: Issuing;
const told: string[][] = [];

before(async () => {
  [provider, foreign] = await Promise.all([startOidcProvider(), signingKey('ES256', 'foreign')]);
  certificates = makeCertificates();
  const [jwk = {}] = provider.signingKeys();
  own = (await importJWK(jwk, 'ES256')) as CryptoKey;
  ownKid = String(jwk.kid);
  corp = await trusting();
});
after(async () => {
  await provider.stop();
  certificates.remove();
});

/** Sidecars that trust the provider, and one more issuer; their clock is ahead of ours by so much. */
function trusting(spec: Partial<IssuerSpec> = {}, aheadMs = 0): Promise<Issuing> {
  const twin = { ...inline([foreign.jwk], { issuer: 'https://twin.example.test', audience: ['urn:api'] }), id: 'twin' };
  const trusted = issuer({
    issuer: provider.issuer,
    audience: ['urn:api'],
    typ: 'at+jwt',
    algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    keys: { from: 'discovery', url: `${provider.issuer}/.well-known/openid-configuration` },
    allow_private: true,
    ...spec,
  });
  return issuing([trusted, twin], {
    clock: { ...createFakeClock(), now: () => Date.now() + aheadMs },
    async answer(url) {
      const response = await fetch(url);
      return response.ok ? response.json() : response.status;
    },
  });
}

const genuine = (wishes?: TokenWishes): Promise<string> => provider.clientCredentials('urn:api', wishes);
const withClaims = (claims: NonNullable<TokenWishes['claims']>): Promise<string> => genuine({ claims });
const withHeader = (header: NonNullable<TokenWishes['header']>): Promise<string> => genuine({ header });
const secondsAgo = (seconds: number): number => Date.now() / 1_000 - seconds;
const partsOf = (token: string): readonly [string, string, string] => {
  const [head = '', body = '', signature = ''] = token.split('.');
  return [head, body, signature];
};

/** A genuine token with other header fields, and the signature that it had. */
async function reheaded(fields: Readonly<Record<string, unknown>>, wishes?: TokenWishes): Promise<string> {
  const token = await genuine(wishes);
  const [, body, signature] = partsOf(token);
  return `${encode({ ...decodeProtectedHeader(token), ...fields })}.${body}.${signature}`;
}

/** A genuine token with another signature. */
async function resigned(signature: string | Uint8Array, wishes?: TokenWishes): Promise<string> {
  const [head, body] = partsOf(await genuine(wishes));
  return `${head}.${body}.${Buffer.from(signature).toString(typeof signature === 'string' ? 'utf8' : 'base64url')}`;
}

/** What a genuine token says, signed by somebody else. */
async function forged(header: Readonly<Record<string, unknown>> = {}, claims: object = {}): Promise<string> {
  const token = await genuine();
  return new SignJWT({ ...decodeJwt(token), ...claims })
    .setProtectedHeader({ ...decodeProtectedHeader(token), alg: 'ES256', ...header })
    .sign(foreign.privateKey);
}

/** Text exactly as given, signed with the provider's own key. */
async function raw(header: string, payload: string): Promise<string> {
  const text = `${encode(header)}.${encode(payload)}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, own, Buffer.from(text));
  return `${text}.${Buffer.from(signature).toString('base64url')}`;
}
const usualHeader = (more = ''): string => `{"alg":"ES256","typ":"at+jwt","kid":"${ownKid}"${more}}`;
const usualClaims = async (): Promise<string> => JSON.stringify(decodeJwt(await genuine()));

/** As its key set has it. */
async function published(kid: string): Promise<JWK> {
  const { keys } = (await (await fetch(`${provider.issuer}/jwks`)).json()) as { readonly keys: readonly JWK[] };
  return keys.find((key) => key.kid === kid) ?? assert.fail(kid);
}

async function withPublicKeyAsSecret(): Promise<readonly string[]> {
  const jwk = await published('rs');
  const spki = await exportSPKI((await importJWK(jwk, 'RS256', { extractable: true })) as CryptoKey);
  const [, body] = partsOf(await genuine({ algorithm: 'RS256' }));
  const text = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'rs' })}.${body}`;
  return [spki, spki.trim(), JSON.stringify(jwk), String(jwk.n), ''].map(
    (secret) => `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`,
  );
}

async function introspectionAnswer(): Promise<string> {
  const response = await fetch(`${provider.issuer}/token/introspection`, {
    method: 'POST',
    headers: {
      accept: 'application/token-introspection+jwt',
      authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token: await provider.clientCredentials('urn:opaque') }),
  });
  return response.text();
}

type Tokens = string | readonly string[] | Promise<string | readonly string[]>;
const all = (tokens: readonly Promise<string>[]): Promise<readonly string[]> => Promise.all(tokens);

/** What is presented, and what it must be denied as. */
const attacks: Readonly<Record<string, readonly [() => Tokens, DenialCode]>> = {
  // The algorithm
  '`alg: none`, without a signature': [
    async () =>
      `${partsOf(await reheaded({ alg: 'none' }))
        .slice(0, 2)
        .join('.')}.`,
    'token_algorithm_refused',
  ],
  '`alg: none` in other spellings': [
    () => all(['None', 'NONE', 'nOnE', 'none ', ''].map((alg) => reheaded({ alg }))),
    'token_algorithm_refused',
  ],
  '`alg: none` with the signature that it had': [() => reheaded({ alg: 'none' }), 'token_algorithm_refused'],
  'HS256 with the public RSA key as secret (PEM, JWK, modulus)': [withPublicKeyAsSecret, 'token_algorithm_refused'],
  'HS256 by the provider itself, with a secret of another API': [
    () => genuine({ jwt: { sign: { alg: 'HS256', key: randomBytes(32) } } }),
    'token_algorithm_refused',
  ],
  'an algorithm that the issuer’s resource does not list': [
    async () => {
      const es384 = await signingKey('ES384', ownKid);
      return new SignJWT(decodeJwt(await genuine()))
        .setProtectedHeader({ alg: 'ES384', typ: 'at+jwt', kid: ownKid })
        .sign(es384.privateKey);
    },
    'token_algorithm_refused',
  ],
  'RS256 under the `kid` of an elliptic key': [() => reheaded({ alg: 'RS256' }), 'token_key_unknown'],
  'RS256 presented as PS256': [() => reheaded({ alg: 'PS256' }, { algorithm: 'RS256' }), 'token_signature_invalid'],
  'no `alg`, or one that is no text': [
    () => all([reheaded({ alg: undefined }), reheaded({ alg: ['ES256'] })]),
    'token_malformed',
  ],
  // The signature
  'signature left out': [() => resigned(''), 'token_signature_invalid'],
  'signature of another token': [async () => resigned(partsOf(await genuine())[2]), 'token_signature_invalid'],
  'signature of zeros (CVE-2022-21449)': [() => resigned(new Uint8Array(64)), 'token_signature_invalid'],
  'ECDSA with r or s of the order of the curve': [
    () => {
      const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
      return all([Buffer.concat([order, order]), Buffer.concat([Buffer.alloc(32, 1), order])].map((r) => resigned(r)));
    },
    'token_signature_invalid',
  ],
  'ECDSA signature in DER instead of r and s': [
    async () => {
      const [head, body] = partsOf(await genuine());
      const signature = signBytes('sha256', Buffer.from(`${head}.${body}`), KeyObject.from(own));
      return `${head}.${body}.${signature.toString('base64url')}`;
    },
    'token_signature_invalid',
  ],
  'Ed25519 signature of zeros': [() => resigned(new Uint8Array(64), { algorithm: 'EdDSA' }), 'token_signature_invalid'],
  'claims changed after signing': [
    async () => {
      const token = await genuine();
      const [head, , signature] = partsOf(token);
      return `${head}.${encode({ ...decodeJwt(token), sub: 'admin' })}.${signature}`;
    },
    'token_signature_invalid',
  ],
  'signed by somebody else under the provider’s `kid`': [() => forged(), 'token_signature_invalid'],
  'signed by another trusted issuer in the provider’s name': [() => forged({ kid: 'foreign' }), 'token_key_unknown'],
  // Keys that the token brings along
  '`jwk`: the forger’s own key': [() => forged({ jwk: foreign.jwk }), 'token_signature_invalid'],
  '`jku`: the forger’s own key set': [
    () => forged({ kid: 'evil', jku: 'https://evil.example.test/jwks' }),
    'token_key_unknown',
  ],
  '`x5u`, `x5c`: the forger’s own certificate': [
    () => forged({ x5u: 'https://evil.example.test/x5u', x5c: ['AAAA'] }),
    'token_signature_invalid',
  ],
  // `kid`: signed by the provider itself
  '`kid` that is a path': [() => withHeader({ kid: '../../../../dev/null' }), 'token_key_unknown'],
  '`kid` that is SQL': [() => withHeader({ kid: "x' UNION SELECT 'AAAA' --" }), 'token_key_unknown'],
  '`kid` that is a command': [() => withHeader({ kid: '|/usr/bin/id' }), 'token_key_unknown'],
  '`kid` that is a URL': [() => withHeader({ kid: 'https://evil.example.test/jwks' }), 'token_key_unknown'],
  '`kid` that is a member of every object': [
    () => all(['__proto__', 'constructor', 'toString'].map((kid) => withHeader({ kid }))),
    'token_key_unknown',
  ],
  '`kid` that is no text': [() => withHeader({ kid: { $ne: null } }), 'token_header_refused'],
  '`kid` of 10 KB': [() => withHeader({ kid: 'k'.repeat(10_000) }), 'token_header_refused'],
  // The form
  '`crit` that nobody knows': [
    async () => raw(usualHeader(',"crit":["exp"],"exp":1'), await usualClaims()),
    'token_header_refused',
  ],
  '`crit` that is empty': [async () => raw(usualHeader(',"crit":[]'), await usualClaims()), 'token_header_refused'],
  'payload that is not encoded (`b64: false`)': [
    async () => raw(usualHeader(',"b64":false,"crit":["b64"]'), await usualClaims()),
    'token_header_refused',
  ],
  'compressed payload (`zip`)': [() => withHeader({ zip: 'DEF' }), 'token_header_refused'],
  'encrypted token (JWE) of the provider': [
    () =>
      genuine({
        jwt: { sign: { alg: 'ES256' }, encrypt: { alg: 'dir', enc: 'A256GCM', key: randomBytes(32) } },
      }),
    'token_malformed',
  ],
  'encrypted token cut to three parts': [() => reheaded({ alg: 'RSA-OAEP', enc: 'A256GCM' }), 'token_header_refused'],
  'JWS in its JSON form': [
    async () => {
      const [head, payload, signature] = partsOf(await genuine());
      return JSON.stringify({ protected: head, payload, signature });
    },
    'token_malformed',
  ],
  'two tokens in one': [async () => `${await genuine()},${await genuine()}`, 'token_malformed'],
  'a claim twice': [
    async () => raw(usualHeader(), `{"sub":"admin",${(await usualClaims()).slice(1)}`),
    'token_malformed',
  ],
  'a claim twice, once with an escape': [
    async () => raw(usualHeader(), `{"s\\u0075b":"admin",${(await usualClaims()).slice(1)}`),
    'token_malformed',
  ],
  'a claim twice, deep inside': [
    async () => raw(usualHeader(), `{"a":[{"r":1,"r":2}],${(await usualClaims()).slice(1)}`),
    'token_malformed',
  ],
  'a header field twice': [
    async () => raw(`{"alg":"none",${usualHeader().slice(1)}`, await usualClaims()),
    'token_malformed',
  ],
  'payload that is no object': [
    () => all(['[]', '"x"', 'null', '1', '{', ''].map((text) => raw(usualHeader(), text))),
    'token_malformed',
  ],
  'payload that is no UTF-8': [
    async () => {
      const [head, , signature] = partsOf(await genuine());
      return `${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`;
    },
    'token_malformed',
  ],
  'base64 instead of base64url, and with padding': [
    async () => {
      const [head, body, signature] = partsOf(await genuine());
      return [`${head}=.${body}.${signature}`, `${head}.${body}==.${signature}`, `${head}.${body}.${signature}==`];
    },
    'token_malformed',
  ],
  'a list nested a thousand times': [
    () => raw(usualHeader(), `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`),
    'issuer_unknown',
  ],
  'token of 17 KB': [() => withClaims({ pad: 'x'.repeat(13_000) }), 'token_too_large'],
  'token of 1 MB': [() => withClaims({ pad: 'x'.repeat(800_000) }), 'token_too_large'],
  // Who made it, and for whom
  'another issuer': [() => withClaims({ iss: 'https://evil.example.test' }), 'issuer_unknown'],
  'issuer with a slash at the end': [() => withClaims({ iss: `${provider.issuer}/` }), 'issuer_unknown'],
  'no issuer, or one that is no text': [
    () => all([withClaims({ iss: undefined }), withClaims({ iss: [provider.issuer] })]),
    'issuer_unknown',
  ],
  'issuer that is a member of every object': [() => withClaims({ iss: '__proto__' }), 'issuer_unknown'],
  'for another audience': [() => provider.clientCredentials('urn:other'), 'token_audience_wrong'],
  'for an audience that only begins alike': [
    () => all([provider.clientCredentials('urn:api2'), provider.clientCredentials('urn:ap'), withClaims({ aud: ['URN:API'] })]), // prettier-ignore
    'token_audience_wrong',
  ],
  'for no audience': [
    async () => raw(usualHeader(), JSON.stringify({ ...decodeJwt(await genuine()), aud: undefined })),
    'token_audience_wrong',
  ],
  'the ID token of the same sign-in': [() => provider.idToken(), 'token_type_refused'],
  'a signed introspection answer (RFC 9701)': [introspectionAnswer, 'token_type_refused'],
  'an access token of another type': [
    () => all([withHeader({ typ: 'JWT' }), withHeader({ typ: undefined }), withHeader({ typ: 'dpop+jwt' })]),
    'token_type_refused',
  ],
  'bound to a DPoP key (`cnf.jkt`)': [() => provider.boundToken('dpop'), 'token_bound'],
  'bound to a client certificate (`cnf.x5t#S256`)': [
    () => provider.boundToken({ certificate: readFileSync(certificates.path('client.pem'), 'utf8') }),
    'token_bound',
  ],
  'bound in a way that nobody knows': [() => withClaims({ cnf: null }), 'token_bound'],
  // When
  'expired by a second more than the tolerance': [() => withClaims({ exp: secondsAgo(31) }), 'token_expired'],
  'expired half a second ago, beyond the tolerance': [() => withClaims({ exp: secondsAgo(30.5) }), 'token_expired'],
  'no `exp`, or one that is a text': [
    () => all([withClaims({ exp: undefined }), withClaims({ exp: String(secondsAgo(-600)) })]),
    'token_claims_refused',
  ],
  'not valid yet (`nbf`)': [() => withClaims({ nbf: secondsAgo(-600) }), 'token_not_yet_valid'],
  'issued in the future (`iat`)': [() => withClaims({ iat: secondsAgo(-600) }), 'token_not_yet_valid'],
  '`iat` that is a text': [() => withClaims({ iat: 'now' }), 'token_claims_refused'],
  // Who it is
  '`sub` that is no text, or missing': [
    () => all([withClaims({ sub: { $ne: '' } }), withClaims({ sub: undefined })]),
    'token_claims_refused',
  ],
  '`sub` with other characters than ids have': [() => withClaims({ sub: 'team/../admin' }), 'consumer_unknown'],
  '`sub` in other letters': [() => withClaims({ sub: 'TEAM' }), 'consumer_unknown'],
};

describe('an attack is denied by its code, again when it comes again:', () => {
  for (const [attack, [make, code]] of Object.entries(attacks)) {
    it(attack, async () => {
      const made = await make();
      for (const token of typeof made === 'string' ? [made] : made) {
        assert.equal(await corp.outcome(token), code);
        assert.equal(await corp.outcome(token), code);
      }
      told.push([attack, code]);
      for (const url of corp.asked) assert.ok(url.startsWith(`${provider.issuer}/`), 'nobody else was asked for keys');
      assert.deepEqual(corp.ctx.faults, []);
    });
  }
});

const minuteMs = 60_000;

/** What is no attack, or not only one: what is done, and what the answer must be. They change the provider, in order. */
const situations: Readonly<Record<string, readonly [() => Promise<string> | readonly Promise<string>[], string]>> = {
  'by client credentials': [async () => corp.outcome(await genuine()), 'allow'],
  'by authorization code, for a person': [
    async () => (await trusting({ consumer: 'team' })).outcome(await provider.authorizationCode()),
    'allow',
  ],
  'signed by RS256, PS256, ES256 or EdDSA': [
    () => (['RS256', 'PS256', 'ES256', 'EdDSA'] as const).map(async (algorithm) => corp.outcome(await genuine({ algorithm }))), // prettier-ignore
    'allow',
  ],
  'with a `jku`, `x5u` or `jwk` that the provider put there': [
    async () => corp.outcome(await withHeader({ jku: 'https://evil.example.test/', x5u: 'https://evil.example.test/', jwk: foreign.jwk })), // prettier-ignore
    'allow',
  ],
  'the sidecar’s clock is ahead or behind by less than `clock_tolerance`': [
    () => [5_000, -5_000].map(async (skew) => (await trusting({}, skew)).outcome(await genuine())),
    'allow',
  ],
  'the sidecar’s clock is a minute behind': [
    async () => (await trusting({}, -minuteMs)).outcome(await genuine()),
    'token_not_yet_valid',
  ],
  'the sidecar’s clock is a minute ahead, the token lives 20 seconds': [
    async () => (await trusting({}, minuteMs)).outcome(await genuine({ ttlSeconds: 20 })),
    'token_expired',
  ],
  'two minutes old where `max_age` is one': [
    async () => (await trusting({ max_age_ms: minuteMs }, 2 * minuteMs)).outcome(await genuine()),
    'token_too_old',
  ],
  'bound to a key, where its issuer’s resource says `bound_tokens: accept`': [
    async () => (await trusting({ bound_tokens: 'accept' })).outcome(await provider.boundToken('dpop')),
    'allow',
  ],
  'the provider has begun to sign with a new key': [
    async () => {
      await provider.rotate();
      return (corp = await trusting()).outcome(await genuine());
    },
    'allow',
  ],
  'the provider is down; its key is known': [
    async () => {
      const token = await genuine();
      return whileDown(() => corp.outcome(token));
    },
    'allow',
  ],
  'the provider is down; its key is new': [
    async () => {
      await provider.rotate();
      const token = await genuine();
      return whileDown(() => corp.outcome(token));
    },
    'issuer_unavailable',
  ],
  'the provider is down; it was down when the sidecar started': [
    async () => {
      const token = await genuine();
      return whileDown(async () => (await trusting()).outcome(token));
    },
    'issuer_unavailable',
  ],
  'the provider has withdrawn the key': [
    async () => {
      const token = await genuine();
      const sidecar = await trusting();
      assert.equal(await sidecar.outcome(token), 'allow');
      await provider.rotate({ publishOld: false });
      sidecar.clock.advance(10 * minuteMs);
      await until(() => sidecar.asked.length >= 4, 'the key set was read again');
      await until(async () => (await sidecar.outcome(token)) !== 'allow', 'the new key set counts');
      return sidecar.outcome(token);
    },
    'token_key_unknown',
  ],
};

async function whileDown(work: () => Promise<string>): Promise<string> {
  provider.setDown(true);
  try {
    return await work();
  } finally {
    provider.setDown(false);
  }
}

describe('a token of the provider is', () => {
  for (const [situation, [ask, expected]] of Object.entries(situations)) {
    it(`${expected}: ${situation}`, async () => {
      const asked = ask();
      const outcomes = asked instanceof Promise ? [await asked] : await Promise.all(asked);
      for (const outcome of outcomes) assert.equal(outcome, expected);
      told.push([situation, expected]);
    });
  }
});

it('docs/jwt-attacks.md has these tables', () => {
  const documented = readFileSync('docs/jwt-attacks.md', 'utf8').split('\n').flatMap((line) => {
    const [, what = '', code = ''] = /^\| (.+?) +\| `?(\w+)`? +\|$/.exec(line) ?? [];
    return code === '' || what === 'attack' || what === 'situation' ? [] : [[what, code]];
  }); // prettier-ignore
  assert.deepEqual(documented, told);
});
