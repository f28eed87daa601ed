import { z } from 'zod';
import { suggest } from '../../config/closest.ts';
import { formatDuration } from '../../config/units.ts';
import { parseClaimPath } from '../../core/claims.ts';
import type { IssuerPreset } from '../../core/issuer-preset.ts';
import type { IntrospectionSpec, IssuerKeySource, IssuerSpec, SecretReference } from '../../core/resources.ts';
import { consumerTemplateProblem, groupTemplateProblem } from '../claim-templates.ts';
import { durationMs, id, nonEmptyListOf } from '../fields.ts';
import { publicKeyProblem, wellKnownUrl } from '../issuer-keys.ts';
import { defineKind, type ReadContext } from '../kind.ts';

const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const;
/** In the order of preference; RFC 8725, section 3.2: what is not needed can be left out by `algorithms`. */
const keyAlgorithms = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const;

const defaultToleranceMs = 30_000;
const defaultIntrospectionMs = 30_000;
const fiveMinutesMs = 300_000;
const thirtyDaysMs = 30 * 86_400_000;

const text = (max: number): z.ZodString => z.string().min(1).max(max);
const oneOrMore = z.union([text(512).transform((one) => [one]), nonEmptyListOf(text(512), 100)], {
  error: 'must be a text or a list of texts',
});
const claimPath = text(256).refine((path) => parseClaimPath(path) !== undefined, 'must be a path such as realm.roles');
const reference = z.looseObject({ from: z.string() }, { error: 'must be a reference such as { from: file, path: … }' });

const introspection = z.strictObject({
  url: text(2_048).meta({ description: 'URL of its introspection endpoint.' }),
  client_id: text(255).meta({ description: 'Id of the sidecar as its client.' }),
  client_secret: reference.optional().meta({ description: 'Reference to the secret of the client.' }),
  client_key: reference.optional().meta({ description: 'Reference to its private key (PEM or JWK), instead of a secret.' }), // prettier-ignore
  auth: z.enum(['basic', 'post', 'private_key_jwt']).optional().meta({ description: 'How the client shows who it is; default basic, with a client_key private_key_jwt.' }), // prettier-ignore
  assertion_audience: text(2_048).optional().meta({ description: 'With a client_key: `aud` of what it signs; default the issuer.' }), // prettier-ignore
  cache: durationMs(fiveMinutesMs, '5m').optional().meta({ description: 'How long an answer is used; default 30s.' }),
  opaque_tokens: z.boolean().optional().meta({ description: "Whether tokens that are no JWT are this issuer's." }),
  signed: z.boolean().optional().meta({ description: 'Whether answers must be JWTs (RFC 9701).' }),
});

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among issuers.' }),
    preset: text(63).optional().meta({ description: 'What is known of it: kubernetes, github-actions, ….' }),
    issuer: text(512).optional().meta({ description: 'Exactly what its tokens carry as `iss`.' }),
    discovery: text(2_048).optional().meta({ description: 'URL of its OpenID or OAuth metadata.' }),
    jwks_url: text(2_048).optional().meta({ description: 'URL of its key set, instead of discovery.' }),
    keys: z.array(z.looseObject({ kty: z.string() })).min(1).max(100).optional().meta({ description: 'Its public keys (JWK), instead of a URL.' }), // prettier-ignore
    secret: reference.optional().meta({ description: 'Reference to a shared secret (HS*): for issuers of your own.' }),
    algorithms: nonEmptyListOf(z.enum([...keyAlgorithms, ...secretAlgorithms]), 20).optional().meta({ description: 'JWS algorithms that are accepted.' }), // prettier-ignore
    audience: oneOrMore.meta({ description: 'One of them must be in `aud`.' }),
    required_claims: z.record(claimPath, z.union([z.literal(true), oneOrMore])).optional().meta({ description: 'Path of a claim → the text, or one of the texts, that it must be; `true`: it must be there.' }), // prettier-ignore
    clock_tolerance: durationMs(fiveMinutesMs, '5m').optional().meta({ description: 'By how much its clock may differ; default 30s.' }), // prettier-ignore
    max_age: durationMs(thirtyDaysMs, '30d').optional().meta({ description: 'Longest time since `iat`.' }),
    typ: z.enum(['any', 'at+jwt']).optional().meta({ description: '`at+jwt`: access tokens of RFC 9068 only.' }),
    consumer: text(256).optional().meta({ description: "Template of the consumer's id: `ci-${repository}`." }),
    consumers: z.enum(['known', 'any']).optional().meta({ description: '`any`: the consumer need not be a resource.' }),
    groups: nonEmptyListOf(text(256), 20).optional().meta({ description: 'Templates of groups: `${realm.roles}`.' }),
    scopes: nonEmptyListOf(claimPath, 10).optional().meta({ description: 'Paths of claims with scopes.' }),
    bound_tokens: z.enum(['refuse', 'accept']).optional().meta({ description: 'Tokens bound to a key of the client.' }),
    allow_private: z.boolean().optional().meta({ description: 'Whether its URLs may lead to private addresses.' }),
    ca_file: text(4_096).optional().meta({ description: 'PEM file of the CAs of its URLs.' }),
    bearer: reference.optional().meta({ description: 'Reference to a bearer token for its URLs.' }),
    introspection: introspection.optional().meta({ description: 'It is asked about each token (RFC 7662).' }),
  })
  .meta({ description: 'Whose JWTs are trusted, for what, and how their claims become a consumer.' });

type IssuerDocument = z.output<typeof schema>;

export const issuerKind = defineKind({
  kind: 'issuer',
  section: 'issuers',
  schema,
  toSpec(document, context) {
    const { report } = context;
    const preset = presetOf(document.preset, context);
    if (preset === 'unknown') return undefined;
    const issuer = document.issuer ?? preset?.issuer;
    if (issuer === undefined) {
      report(['issuer'], 'is missing');
      return undefined;
    }
    const allowPrivate = document.allow_private ?? preset?.allowPrivate ?? false;
    const keys = readKeys(document, preset, issuer, allowPrivate, context);
    if (keys === undefined) return undefined;
    const required = Object.entries(document.required_claims ?? {});
    const pins = preset?.pinOneOf ?? [];
    if (pins.length > 0 && !required.some(([path, texts]) => pins.includes(path) && texts !== true)) {
      report(['required_claims'], `must say whose tokens are meant: everybody gets tokens of ${preset?.title ?? ''}`, {
        fix: `require one of ${pins.join(', ')}`,
      });
    }
    const ownBearer: SecretReference | undefined = document.bearer;
    const bearer = ownBearer ?? preset?.bearer;
    checkReference(ownBearer, 'bearer', context);
    const caFile = document.ca_file ?? preset?.caFile;
    return {
      issuer,
      keys,
      algorithms: readAlgorithms(document, preset, keys, context),
      audience: document.audience,
      required_claims: Object.fromEntries(required.map(([path, texts]) => [path, texts === true ? [] : texts])),
      clock_tolerance_ms: document.clock_tolerance ?? defaultToleranceMs,
      ...(document.max_age === undefined ? {} : { max_age_ms: document.max_age }),
      typ: document.typ ?? 'any',
      consumer: readConsumer(document.consumer ?? preset?.consumer, context),
      consumers: document.consumers ?? 'known',
      groups: readGroups(document.groups ?? preset?.groups ?? [], context),
      scopes: document.scopes ?? ['scope'],
      bound_tokens: document.bound_tokens ?? 'refuse',
      allow_private: allowPrivate,
      ...(caFile === undefined ? {} : { ca_file: caFile }),
      ...(bearer === undefined ? {} : { bearer }),
      ...(document.introspection === undefined
        ? {}
        : { introspection: readIntrospection(document.introspection, allowPrivate, context) }),
    };
  },
  write: (issuerId, spec) => ({
    id: issuerId,
    issuer: spec.issuer,
    ...writeKeys(spec.keys),
    algorithms: spec.algorithms,
    audience: spec.audience,
    ...(Object.keys(spec.required_claims).length === 0 ? {} : { required_claims: writeRequired(spec) }),
    ...(spec.clock_tolerance_ms === defaultToleranceMs
      ? {}
      : { clock_tolerance: formatDuration(spec.clock_tolerance_ms) }),
    ...(spec.max_age_ms === undefined ? {} : { max_age: formatDuration(spec.max_age_ms) }),
    ...(spec.typ === 'any' ? {} : { typ: spec.typ }),
    consumer: spec.consumer,
    ...(spec.consumers === 'known' ? {} : { consumers: spec.consumers }),
    ...(spec.groups.length === 0 ? {} : { groups: spec.groups }),
    ...(spec.scopes.length === 1 && spec.scopes[0] === 'scope' ? {} : { scopes: spec.scopes }),
    ...(spec.bound_tokens === 'refuse' ? {} : { bound_tokens: spec.bound_tokens }),
    ...(spec.allow_private ? { allow_private: true } : {}),
    ...(spec.ca_file === undefined ? {} : { ca_file: spec.ca_file }),
    ...(spec.bearer === undefined ? {} : { bearer: spec.bearer }),
    ...(spec.introspection === undefined ? {} : { introspection: writeIntrospection(spec.introspection) }),
  }),
});

function presetOf(
  name: string | undefined,
  { deps, report }: Pick<ReadContext, 'deps' | 'report'>,
): IssuerPreset | 'unknown' | undefined {
  if (name === undefined) return undefined;
  const preset = deps.issuerPresets.get(name);
  if (preset !== undefined) return preset;
  const known = [...deps.issuerPresets.keys()].sort();
  report(['preset'], 'is not a known preset of issuers', {
    fix: suggest(name, known) ?? `known are ${known.join(', ')}`,
  });
  return 'unknown';
}

/** From where the keys come: one place only. */
function readKeys(
  document: IssuerDocument,
  preset: IssuerPreset | undefined,
  issuer: string,
  allowPrivate: boolean,
  context: ReadContext,
): IssuerKeySource | undefined {
  const { report } = context;
  const places = (['discovery', 'jwks_url', 'keys', 'secret'] as const).filter((name) => document[name] !== undefined);
  if (places.length > 1) {
    report([places[1] ?? ''], 'is a second place for the keys: give one of discovery, jwks_url, keys and secret');
    return undefined;
  }
  if (document.secret !== undefined) {
    const secret: SecretReference = document.secret;
    checkReference(secret, 'secret', context);
    return { from: 'secret', secret };
  }
  if (document.keys !== undefined) {
    for (const [i, key] of document.keys.entries()) {
      const problem = publicKeyProblem(key);
      if (problem !== undefined) report(['keys', i], problem);
    }
    return { from: 'inline', keys: document.keys };
  }
  const fixedJwks = document.discovery === undefined ? preset?.jwksUrl : undefined;
  const jwks = document.jwks_url ?? fixedJwks;
  const url = jwks ?? document.discovery ?? wellKnownUrl(issuer);
  const field =
    document.jwks_url === undefined ? (document.discovery === undefined ? 'issuer' : 'discovery') : 'jwks_url';
  // Nothing is verified here, so nothing is fetched.
  const isAsked = document.introspection !== undefined && document.introspection.signed !== true;
  const problem = isAsked && field === 'issuer' ? undefined : urlProblem(url, allowPrivate);
  if (problem !== undefined) {
    report([field], problem);
    return undefined;
  }
  return { from: jwks === undefined ? 'discovery' : 'jwks', url };
}

function urlProblem(written: string, allowPrivate: boolean): string | undefined {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return 'leads to no https URL: give discovery, jwks_url or keys';
  if (url.username !== '' || url.password !== '') return 'must hold no user and no password';
  if (url.protocol === 'http:' && !allowPrivate) {
    return 'must be https: who can change the answer makes the keys (plain http needs allow_private: true)';
  }
  return undefined;
}

function readAlgorithms(
  document: IssuerDocument,
  preset: IssuerPreset | undefined,
  keys: IssuerKeySource,
  { report }: ReadContext,
): readonly string[] {
  const isSecret = keys.from === 'secret';
  const usual = isSecret ? ['HS256'] : (preset?.algorithms ?? keyAlgorithms);
  const possible: readonly string[] = isSecret ? secretAlgorithms : keyAlgorithms;
  for (const [i, algorithm] of (document.algorithms ?? []).entries()) {
    if (possible.includes(algorithm)) continue;
    report(
      ['algorithms', i],
      isSecret
        ? 'needs a public key, and this issuer has a secret'
        : 'needs a secret of its own: a public key must never be taken for one',
    );
  }
  return document.algorithms ?? usual;
}

function readConsumer(template: string | undefined, { report }: ReadContext): string {
  if (template === undefined) {
    report(['consumer'], 'is missing: say who the holder of a token is', { fix: 'consumer: ${sub}' });
    return '';
  }
  const problem = consumerTemplateProblem(template);
  if (problem !== undefined) report(['consumer'], problem);
  return template;
}

/** A bare path means the claim at it. */
function readGroups(groups: readonly string[], { report }: ReadContext): readonly string[] {
  return groups.map((group, i) => {
    const problem = groupTemplateProblem(group);
    if (problem !== undefined) report(['groups', i], problem);
    return group;
  });
}

function readIntrospection(
  document: NonNullable<IssuerDocument['introspection']>,
  allowPrivate: boolean,
  context: ReadContext,
): IntrospectionSpec {
  const { url, client_id, cache = defaultIntrospectionMs, opaque_tokens = false, signed = false } = document;
  const problem = urlProblem(url, allowPrivate);
  if (problem !== undefined) context.report(['introspection', 'url'], problem);
  return { url, client_id, ...readClient(document, context), cache_ms: cache, opaque_tokens, signed };
}

/** How the sidecar shows who it is: a secret or a key, never both. */
function readClient(
  document: NonNullable<IssuerDocument['introspection']>,
  context: ReadContext,
): Pick<IntrospectionSpec, 'client_secret' | 'client_key' | 'auth' | 'assertion_audience'> {
  const { assertion_audience } = document;
  const client_secret: SecretReference | undefined = document.client_secret;
  const client_key: SecretReference | undefined = document.client_key;
  const auth = document.auth ?? defaultAuth(client_key);
  const [needed, other] =
    auth === 'private_key_jwt'
      ? (['client_key', 'client_secret'] as const)
      : (['client_secret', 'client_key'] as const);
  if (document[needed] === undefined) context.report(['introspection', needed], `is missing: auth ${auth} needs it`);
  if (document[other] !== undefined) context.report(['introspection', other], `is not used with auth ${auth}`);
  if (auth !== 'private_key_jwt' && assertion_audience !== undefined) {
    context.report(['introspection', 'assertion_audience'], 'needs a client_key');
  }
  checkReference(client_secret ?? client_key, 'introspection', context);
  return {
    ...(client_secret === undefined ? {} : { client_secret }),
    ...(client_key === undefined ? {} : { client_key }),
    auth,
    ...(assertion_audience === undefined ? {} : { assertion_audience }),
  };
}

function defaultAuth(clientKey: SecretReference | undefined): IntrospectionSpec['auth'] {
  return clientKey === undefined ? 'basic' : 'private_key_jwt';
}

function writeIntrospection(spec: IntrospectionSpec): Readonly<Record<string, unknown>> {
  const { url, client_id, client_secret, client_key, auth, cache_ms: cacheMs, opaque_tokens, signed } = spec;
  return {
    url,
    client_id,
    ...(client_secret === undefined ? {} : { client_secret }),
    ...(client_key === undefined ? {} : { client_key }),
    ...(auth === defaultAuth(client_key) ? {} : { auth }),
    ...(spec.assertion_audience === undefined ? {} : { assertion_audience: spec.assertion_audience }),
    ...(cacheMs === defaultIntrospectionMs ? {} : { cache: formatDuration(cacheMs) }),
    ...(opaque_tokens ? { opaque_tokens } : {}),
    ...(signed ? { signed } : {}),
  };
}

function checkReference(secret: SecretReference | undefined, field: string, { deps, report }: ReadContext): void {
  if (secret === undefined) return;
  if (secret.from === 'sealed') report([field], 'cannot be sealed: give { from: file, … } or { from: env, … }');
  else for (const problem of deps.secretKinds(secret)) report([field], problem);
}

function writeKeys(keys: IssuerKeySource): Readonly<Record<string, unknown>> {
  switch (keys.from) {
    case 'discovery':
      return { discovery: keys.url };
    case 'jwks':
      return { jwks_url: keys.url };
    case 'inline':
      return { keys: keys.keys };
    case 'secret':
      return { secret: keys.secret };
  }
}

function writeRequired({ required_claims: required }: IssuerSpec): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(required).map(([path, texts]) => [path, texts.length === 0 ? true : texts]));
}
