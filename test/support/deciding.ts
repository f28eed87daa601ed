/** A decision context over hand-written resources: the real core, policies and snapshot, and a scripted token table. */
import { createHash } from 'node:crypto';
import type { Decision, DecisionContext, Question } from '../../sidecar/core/decision.ts';
import type { LimitView } from '../../sidecar/core/limit.ts';
import type { CredentialHealth, HealthView } from '../../sidecar/core/health.ts';
import type { Clock, Injector, TokenValidator, Validation } from '../../sidecar/core/ports.ts';
import type { Preset } from '../../sidecar/core/preset.ts';
import type {
  ConsumerSpec,
  CredentialSpec,
  GatewaySpec,
  LimitSpec,
  IssuerSpec,
  GroupSpec,
  PolicySpec,
  ResourceKind,
  ResourceRecord,
  ResourceSpecs,
  RevocationSpec,
  UpstreamSpec,
} from '../../sidecar/core/resources.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import type { Snapshot } from '../../sidecar/core/snapshot.ts';
import { createLimiter } from '../../sidecar/limits/limiter.ts';
import { createPolicyCompiling, subjectsOfConsumer } from '../../sidecar/policies/compile.ts';
import { createAddressMatcher } from '../../sidecar/snapshot/address-matcher.ts';
import { buildSnapshot, type SnapshotDeps } from '../../sidecar/snapshot/build.ts';
import { createPace } from '../../sidecar/snapshot/pace.ts';
import type { SecretCache } from '../../sidecar/snapshot/secret-cache.ts';
import { createSharing } from '../../sidecar/snapshot/sharing.ts';

export const gatewayKey = 'gateway-key-of-at-least-32-characters';
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const testPreset: Preset = {
  id: 'test',
  title: 'Test API',
  baseUrl: 'https://api.example.test',
  tokenSlots: [{ header: 'authorization', scheme: 'bearer' }, { header: 'x-api-key' }],
  queryKeys: ['key', 'api_key'],
  injection: { kind: 'test' },
  secretOptional: false,
  steeringHeaders: ['test-project'],
  denialBodies: { default: { message: '{message}' }, byStatus: {} },
  responseHeaders: { rateLimit: [] },
  deadKey: [],
  probe: { method: 'GET', path: '/v1/models', needsKey: true },
};

export const defaults = {
  gateway: { keys: [], retired_keys: [], upstreams: ['*'], addresses: [] } satisfies GatewaySpec,
  upstream: {
    preset: 'test',
    base_url: 'https://api.example.test',
    prefix: '/api',
    routes: ['api'],
    encoded_slashes: 'refuse',
    passthrough: [],
    steering_headers: [],
    identity_header: false,
    max_stale_ms: 60_000,
  } satisfies UpstreamSpec,
  credential: {
    upstream: 'api',
    secret: { from: 'test', value: 'upstream-secret' },
    headers: {},
  } satisfies CredentialSpec,
  consumer: { groups: [], labels: {} } satisfies ConsumerSpec,
  issuer: {
    issuer: 'https://issuer.example.test',
    keys: { from: 'inline', keys: [] },
    algorithms: ['ES256'],
    audience: ['api'],
    required_claims: {},
    clock_tolerance_ms: 30_000,
    typ: 'any',
    consumer: '${sub}',
    consumers: 'known',
    groups: [],
    scopes: ['scope'],
    bound_tokens: 'refuse',
    allow_private: false,
  } satisfies IssuerSpec,
  revocation: { issuer: 'issuer' } satisfies RevocationSpec,
  group: { member_of: [] } satisfies GroupSpec,
  policy: {
    effect: 'allow',
    consumers: [],
    groups: [],
    labels: {},
    upstreams: ['api'],
    methods: [],
    paths: [],
  } satisfies PolicySpec,
  limit: {
    consumers: ['*'],
    groups: [],
    labels: {},
    upstreams: ['*'],
    per: ['consumer'],
    measure: 'requests',
    most: 10,
    window_ms: 60_000,
    mode: 'enforce',
    on_cache_loss: 'local',
  } satisfies LimitSpec,
};

export function resource<K extends ResourceKind>(
  kind: K,
  id: string,
  spec: Partial<ResourceSpecs[K]> = {},
  disabled = false,
): ResourceRecord {
  const full = { ...defaults[kind], ...spec } as ResourceSpecs[K];
  const record = { kind, id, owner: 'api', spec: full, disabled, revision: 1, createdAtMs: 0, updatedAtMs: 0 } as const;
  return record as unknown as ResourceRecord;
}

export const gateway = (id = 'default', spec: Partial<GatewaySpec> = {}): ResourceRecord =>
  resource('gateway', id, { keys: [{ sha256: sha256(gatewayKey), created_at: '2026-01-01T00:00:00Z' }], ...spec });

/** One gateway, upstream, credential, consumer `team` and a policy that lets it POST /v1/chat. */
export const usual = (): ResourceRecord[] => [
  gateway(),
  resource('upstream', 'api'),
  resource('credential', 'api-main'),
  resource('consumer', 'team', { groups: ['search'], labels: { tier: 'gold', region: 'eu' } }),
  resource('policy', 'chat', { groups: ['search'], methods: ['POST'], paths: ['/v1/chat'] }),
];

const testSecrets: SecretCache = {
  resolve(_id, reference) {
    const { value } = reference;
    return Promise.resolve(
      typeof value === 'string' ? { secret: new Secret(value) } : { problem: 'the test reference has no value' },
    );
  },
  keepOnly: () => undefined,
  close: () => undefined,
};

export const testInjector: Injector = {
  kind: 'test',
  headers: ['authorization'],
  inject(secret) {
    if (secret === '') throw new RangeError('the secret is empty');
    return ['authorization', `Bearer ${secret}`];
  },
};

/** What a snapshot is built with; secrets are what the `test` references say. */
export function snapshotDeps(presets: readonly Preset[] = [testPreset]): SnapshotDeps {
  return {
    presets: new Map(presets.map((preset) => [preset.id, preset])),
    createInjector: () => testInjector,
    policies: createPolicyCompiling({ createAddressMatcher, conditionFailed: () => undefined }),
    subjectsOfConsumer,
    sharing: createSharing({ maxKept: 1_000 }),
    secrets: testSecrets,
    sha256,
    pace: () => createPace({ monotonic: () => performance.now() }, 5),
  };
}

export async function snapshotOf(records: readonly ResourceRecord[], presets?: readonly Preset[]): Promise<Snapshot> {
  const { snapshot } = await buildSnapshot(
    {
      storeId: 'store',
      epoch: 1,
      revision: 1,

      chunks: (async function* () {
        yield records;
      })(),
    },
    snapshotDeps(presets),
  );
  return snapshot;
}

export interface Deciding extends DecisionContext {
  readonly recorded: Decision[];
  readonly limiter: DecisionContext['limiter'] & LimitView;
  readonly faults: unknown[];
  /** Token → what the validator says; a promise for a cold token. */
  readonly tokens: Map<string, Validation | (() => Promise<Validation>)>;
  /** Version id → how it fares. */
  readonly health: Map<string, CredentialHealth> & HealthView;
  nowMs: number;
  /** Of the monotonic clock. */
  monotonicMs: number;
  ageMs: number;
  use(snapshot: Snapshot | undefined): void;
}

export function deciding(initial: Snapshot | undefined): Deciding {
  let snapshot = initial;
  const tokens: Deciding['tokens'] = new Map();
  const validator: TokenValidator = {
    kind: 'scripted',
    accepts: (token) => token.startsWith('cf_'),
    validate(token) {
      const known = tokens.get(token) ?? { deny: 'token_unknown' };
      return typeof known === 'function' ? known() : known;
    },
  };
  const table = new Map<string, CredentialHealth>();
  const health = Object.assign(table, { find: (versionId: string) => table.get(versionId) });
  let decisions = 0;
  const idleClock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after: () => () => undefined,
    every: () => () => undefined,
  };
  const ctx: Deciding = {
    recorded: [],
    faults: [],
    tokens,
    nowMs: Date.parse('2026-11-23T12:00:00Z'),
    monotonicMs: 0,
    ageMs: 0,
    use: (next) => {
      snapshot = next;
    },
    snapshot: () => snapshot,
    validators: [validator],
    clock: {
      now: () => ctx.nowMs,
      monotonic: () => ctx.monotonicMs,
      after: () => () => undefined,
      every: () => () => undefined,
    },
    health,
    hashGatewayKey: sha256,
    stateAgeMs: () => ctx.ageMs,
    pausedBy: () => undefined,
    limiter: createLimiter(
      { maxCounters: 1_000, maxOpenRequests: 1_000, placeLifeMs: 15_000 },
      {
        shared: undefined,
        places: undefined,
        isReachable: () => true,
        asker: '',
        keyOf: () => '',
        clock: idleClock,
        observe: () => undefined,
        onUnpriced: () => undefined,
        observeEnds: () => undefined,
      },
    ),
    newDecisionId: () => `d${String(++decisions)}`,
    record: (decision) => ctx.recorded.push(decision),
    onFault: (error) => ctx.faults.push(error),
  };
  tokens.set('cf_team', factsOf('team'));
  return ctx;
}

export function factsOf(consumerId: string): Exclude<Validation, { deny: unknown }> {
  return {
    tokenId: `tok_${consumerId}`,
    consumerId,
    notBeforeMs: 0,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    revokedAtMs: 0,
  };
}

export function question(
  headers: Readonly<Record<string, string | undefined>> = {},
  rest: Partial<Omit<Question, 'headers'>> = {},
): Question {
  return {
    upstream: undefined,
    conflicting: [],
    address: '127.0.0.1',
    ...rest,
    headers: {
      'x-cf-gateway-key': gatewayKey,
      'x-cf-route': 'api',
      'x-cf-request-id': 'req-1',
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/api/v1/chat',
      'x-cf-raw-uri': '/api/v1/chat',
      authorization: 'Bearer cf_team',
      ...headers,
    },
  };
}

/** `allow`, or the denial's code. */
export function outcomeOf(decision: Decision): string {
  return decision.outcome === 'allow' ? 'allow' : decision.code;
}

export function headersOf(decision: Decision): Record<string, string> {
  if (decision.outcome !== 'allow') throw new Error(`denied: ${decision.code}`);
  const flat = decision.headers.reveal();
  const headers: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) headers[flat[i] ?? ''] = flat[i + 1] ?? '';
  return headers;
}
