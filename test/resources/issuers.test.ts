import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asIdPart } from '../../sidecar/core/claims.ts';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { parseResourceBody, toResourceBody } from '../../sidecar/resources/parse-body.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';
import fc from 'fast-check';

const good = { id: 'corp', issuer: 'https://login.example.test', audience: 'api', consumer: '${sub}' };
const ec = { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' }; // prettier-ignore
const parse = (body: object) => parseResourceBody('issuer', { ...good, ...body }, resourceDeps);

const refused: readonly (readonly [what: string, body: object, problem: RegExp])[] = [
  ['no audience', { audience: undefined }, /audience/],
  ['an empty audience', { audience: [] }, /audience/],
  ['no issuer', { issuer: undefined }, /is missing/],
  ['an issuer that is no URL, and no place for keys', { issuer: 'corp' }, /no https URL/],
  ['plain http', { jwks_url: 'http://keys.example.test/' }, /must be https/],
  ['a URL with a password', { jwks_url: 'https://u:p@keys.example.test/' }, /no password/],
  ['two places for keys', { jwks_url: 'https://k.example.test/', keys: [ec] }, /second place/],
  ['a private key', { keys: [{ ...ec, d: 'AAAA' }] }, /private key/],
  ['a secret among public keys', { keys: [{ kty: 'oct', k: 'AAAA' }] }, /is a secret/],
  ['a short RSA key', { keys: [{ kty: 'RSA', n: 'AAAA', e: 'AQAB' }] }, /2048 bits/],
  ['alg none', { algorithms: ['none'] }, /algorithms/],
  ['HS256 with public keys', { algorithms: ['RS256', 'HS256'] }, /needs a secret of its own/],
  ['HS256 by a URL', { algorithms: ['HS256'] }, /needs a secret of its own/],
  ['RS256 with a secret', { secret: { from: 'env', name: 'S' }, algorithms: ['HS256', 'RS256'] }, /needs a public key/],
  ['a secret in clear', { secret: 'hunter2hunter2' }, /reference/],
  ['a sealed secret', { secret: { from: 'sealed', value: 'x' } }, /cannot be sealed/],
  ['a tolerance of an hour', { clock_tolerance: '1h' }, /up to 5m/],
  ['no consumer', { consumer: undefined }, /is missing/],
  ['a consumer with letters that no id has', { consumer: 'CI/${sub}' }, /a-z/],
  ['two claims that could run into each other', { consumer: '${a}-${b}' }, /"__"/],
  ['two claims side by side', { consumer: '${a}${b}' }, /"__"/],
  ['a template that does not end', { consumer: 'ci-${sub' }, /template/],
  ['a group without a claim', { groups: ['admins'] }, /names no claim/],
  ['an unknown field', { audiences: 'api' }, /not a known key/],
  ['an unknown preset', { preset: 'github' }, /not a known preset/],
];

describe('an issuer is refused with', () => {
  for (const [what, body, problem] of refused) {
    it(what, () => {
      const { ok, problems } = parse(body);
      assert.equal(ok, false);
      assert.match(problems.map(({ path, message }) => `${path ?? ''} ${message}`).join('\n'), problem);
    });
  }
});

describe('an issuer', () => {
  it('is written as it is read', () => {
    for (const body of [
      {},
      { jwks_url: 'https://k.example.test/', max_age: '1h', typ: 'at+jwt', consumers: 'any', groups: ['${a.b}'] },
      { keys: [ec], audience: ['a', 'b'], required_claims: { 'a.b': 'x', c: ['y', 'z'], d: true }, clock_tolerance: 0 },
      { secret: { from: 'env', name: 'S' }, bound_tokens: 'accept', scopes: ['scp'] },
      {
        discovery: 'http://10.0.0.1/meta',
        allow_private: true,
        ca_file: '/ca.pem',
        bearer: { from: 'env', name: 'T' },
      },
    ]) {
      const parsed = parse(body);
      assert.ok(parsed.ok, JSON.stringify(parsed.problems));
      const again = parseResourceBody('issuer', toResourceBody('issuer', 'corp', parsed.spec), resourceDeps);
      assert.deepEqual(again.ok && again.spec, parsed.spec);
    }
  });

  it('must be the only one of its name in a file', () => {
    const text = `issuers:\n${[1, 2].map((n) => `  - { id: i${n}, issuer: "https://a.test", audience: a, consumer: "\${sub}" }`).join('\n')}`;
    const { problems } = parseResources(text, 'x.yaml', resourceDeps);
    assert.match(problems.map(({ message }) => message).join(), /issuer of two resources/);
  });
});

describe('a revocation', () => {
  const revoke = (body: object) => parseResourceBody('revocation', { id: 'r', issuer: 'corp', ...body }, resourceDeps);

  it('is written as it is read, and says when it means everything', () => {
    const parsed = revoke({ subject: 'jane', issued_before: '2026-01-01T00:00:00Z', reason: 'lost' });
    assert.ok(parsed.ok && parsed.problems.length === 0);
    const again = parseResourceBody('revocation', toResourceBody('revocation', 'r', parsed.spec), resourceDeps);
    assert.deepEqual(again.ok && again.spec, parsed.spec);
    assert.match(revoke({}).problems[0]?.message ?? '', /every token/);
  });

  it('is never given the token itself', () => {
    assert.equal(revoke({ token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.' }).ok, false);
  });
});

it('no two claims become the same part of an id', () => {
  const id = /^[a-z0-9._-]*$/;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      assert.ok(id.test(asIdPart(a)) && !asIdPart(a).includes('__'));
      return a === b || asIdPart(a) !== asIdPart(b);
    }),
  );
  assert.notEqual(asIdPart('\ud800'), asIdPart('\ud801'));
  assert.equal(asIdPart('acme/Web_1'), 'acme_2f_57eb_5f1');
});

it('an issuer that is asked about its tokens is written as it is read', () => {
  const introspection = {
    url: 'https://login.example.test/introspect',
    client_id: 'sidecar',
    client_secret: { from: 'env', name: 'CLIENT_SECRET' },
  };
  const byKey = { client_secret: undefined, client_key: { from: 'env', name: 'CLIENT_KEY' } };
  const good: readonly object[] = [
    {},
    { auth: 'post', cache: '5s', opaque_tokens: true, signed: true },
    { cache: 0 },
    byKey,
    { ...byKey, auth: 'private_key_jwt', assertion_audience: 'https://login.example.test/token' },
  ];
  for (const more of good) {
    const parsed = parse({ introspection: { ...introspection, ...more } });
    assert.ok(parsed.ok, JSON.stringify(parsed.problems));
    const again = parseResourceBody('issuer', toResourceBody('issuer', 'corp', parsed.spec), resourceDeps);
    assert.deepEqual(again.ok && again.spec, parsed.spec);
  }
  const bads: readonly object[] = [
    { url: 'http://a.test/' },
    { cache: '6m' },
    { client_secret: 'clear' },
    { client_secret: undefined },
    { auth: 'none' },
    { auth: 'private_key_jwt' },
    { assertion_audience: 'x' },
    { ...byKey, auth: 'basic' },
    { ...byKey, client_secret: introspection.client_secret },
    { ...byKey, client_key: { from: 'sealed', value: 'x' } },
    { ...byKey, client_key: '-----BEGIN PRIVATE KEY-----' },
  ];
  for (const bad of bads)
    assert.equal(parse({ introspection: { ...introspection, ...bad } }).ok, false, JSON.stringify(bad));
});
