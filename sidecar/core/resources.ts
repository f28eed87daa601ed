/** The resources as they are stored: plain, validated, fully defaulted. resources/schema.ts makes them from documents. */

import type { CacheLoss, LimitDimension, LimitMeasure } from './limit.ts';
import type { PriceSpec } from './prices.ts';

export const resourceKinds = [
  'gateway',
  'upstream',
  'credential',
  'consumer',
  'group',
  'issuer',
  'policy',
  'limit',
  'revocation',
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/** A gateway that may ask for decisions. Up to two live keys, so that a key can be rotated without downtime. */
export interface GatewaySpec {
  readonly keys: readonly GatewayKey[];
  /** SHA-256 (hex) of keys that were live once and must not come back. */
  readonly retired_keys: readonly string[];
  /** Upstream ids, or `*`. */
  readonly upstreams: readonly string[];
  /** CIDR blocks or addresses the gateway may ask from; empty = any. */
  readonly addresses: readonly string[];
}

export interface GatewayKey {
  /** Hex of the SHA-256 of the whole key. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly created_at: string;
  /** RFC 3339; the key is refused from then on. */
  readonly expires_at?: string | undefined;
}

export interface UpstreamSpec {
  /** Id of a preset; `generic` where nothing else fits. */
  readonly preset: string;
  /** Absolute http(s) URL, may have a path. */
  readonly base_url: string;
  /** Path under which the gateway offers the upstream; default `/<id>`; `/` for none. */
  readonly prefix: string;
  /** Route ids of the gateway; default `[<id>]`; unique across upstreams. */
  readonly routes: readonly string[];
  readonly encoded_slashes: 'refuse' | 'allow';
  /** Token slots (header names) that are the client's own business: not answered, never read. */
  readonly passthrough: readonly string[];
  /** Further headers that are always emptied unless a credential pins them. Lower case. */
  readonly steering_headers: readonly string[];
  /** Overrides the preset's token slots. */
  readonly token_slots?: readonly TokenSlot[] | undefined;
  /** Overrides the preset's injection. */
  readonly injection?: InjectionSpec | undefined;
  /** Sends the consumer's id to the upstream's side in `cfconsumer`; default false. */
  readonly identity_header: boolean;
  /** How long known tokens are served after the last successful read of changes; milliseconds; default 60 000. */
  readonly max_stale_ms: number;
  /** What its models cost; budgets of cost read it. */
  readonly prices?: readonly PriceSpec[] | undefined;
  /** What else the upstream's route does; no decision reads it, `apisix render` does. */
  readonly gateway?: UpstreamGatewaySpec | undefined;
}

/** Wishes for the upstream's route at the gateway. */
export interface UpstreamGatewaySpec {
  /** Hosts that the route serves; lower case, may begin with `*.`; empty = every host. */
  readonly hosts: readonly string[];
  /** Browsers call it: their preflights are answered before the question. */
  readonly browsers: boolean;
  /** Query parameter into which the gateway moves the injected header, for an API that takes its secret only there. */
  readonly secret_in_query?: string | undefined;
  /** Requests of one consumer at one gateway. */
  readonly limit?: { readonly count: number; readonly window_s: number } | undefined;
  /** The gateway's `ai-proxy` sends its requests; `by_hand`: on a route that is nobody's but the operator's. */
  readonly ai_proxy?: AiProxySpec | 'by_hand' | undefined;
}

/** Providers of `ai-proxy` that take the secret which the sidecar injects, and a path that is given. */
export const aiProviders = [
  'openai',
  'openai-compatible',
  'anthropic',
  'deepseek',
  'gemini',
  'openrouter',
  'aimlapi',
] as const;

export interface AiProxySpec {
  readonly provider: (typeof aiProviders)[number];
  /** The one path that the route serves, below `base_url`; what policies judge and what the API receives. */
  readonly path: string;
  /** In place of the client's. */
  readonly model?: string | undefined;
}

/** Where a client may put its token. `scheme` (case-insensitive) for `authorization`. */
export interface TokenSlot {
  /** Lower case. */
  readonly header: string;
  readonly scheme?: string | undefined;
}

/** Which injector, with its own options; the injector decodes them. */
export type InjectionSpec = { readonly kind: string } & Readonly<Record<string, unknown>>;

/** Which secret manager, with its own options; the manager decodes them. */
export type SecretReference = { readonly from: string } & Readonly<Record<string, unknown>>;

export interface CredentialSpec {
  readonly upstream: string;
  /** Absent where the upstream's preset needs no secret. */
  readonly secret?: SecretReference | undefined;
  /** Its share of the pool's consumers; default 1; 0: used only where no other of the pool works. */
  readonly weight?: number | undefined;
  /** Steering headers that this credential pins; lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ConsumerSpec {
  readonly owner?: string | undefined;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A group within others. One that is in no other needs no resource. */
export interface GroupSpec {
  /** Names of groups. */
  readonly member_of: readonly string[];
}

/** Whose JWTs are trusted, for what, and how their claims become a consumer. */
export interface IssuerSpec {
  /** Exactly what its tokens carry as `iss`. */
  readonly issuer: string;
  readonly keys: IssuerKeySource;
  /** JWS algorithms (RFC 7518); with a secret HS* only, else never HS*. */
  readonly algorithms: readonly string[];
  /** One of them must be in `aud`. */
  readonly audience: readonly string[];
  /** Path of a claim → the texts that it may be; none: it must be there. */
  readonly required_claims: Readonly<Record<string, readonly string[]>>;
  /** Milliseconds by which the issuer's clock may differ from ours. */
  readonly clock_tolerance_ms: number;
  /** Oldest `iat` that is accepted; milliseconds. */
  readonly max_age_ms?: number | undefined;
  /** `at+jwt`: RFC 9068 access tokens only. */
  readonly typ: 'any' | 'at+jwt';
  /** Template of the consumer's id. */
  readonly consumer: string;
  /** `any`: the consumer need not be a resource; it is then called `<issuer id>/<mapped id>`. */
  readonly consumers: 'known' | 'any';
  /** Templates of group names; a claim that is a list makes one of each entry. */
  readonly groups: readonly string[];
  /** Paths of claims: a text of words between spaces, or a list. */
  readonly scopes: readonly string[];
  /** What to do with tokens that are bound to a key of the client (`cnf`: DPoP, mTLS). */
  readonly bound_tokens: 'refuse' | 'accept';
  /** Whether its URLs may lead to loopback, link-local and private addresses. */
  readonly allow_private: boolean;
  /** PEM file of the CAs that its URLs are checked with; default: the usual ones. */
  readonly ca_file?: string | undefined;
  /** Sent as bearer token when its documents are fetched. */
  readonly bearer?: SecretReference | undefined;
  /** It is asked about each token (RFC 7662) instead of verifying it here. */
  readonly introspection?: IntrospectionSpec | undefined;
}

export interface IntrospectionSpec {
  readonly url: string;
  readonly client_id: string;
  /** For `basic` and `post`. */
  readonly client_secret?: SecretReference | undefined;
  /** For `private_key_jwt`: PEM, or a JWK. */
  readonly client_key?: SecretReference | undefined;
  /** How the client shows who it is (RFC 6749, section 2.3.1; RFC 7523). */
  readonly auth: 'basic' | 'post' | 'private_key_jwt';
  /** `aud` of an assertion; default: the issuer. */
  readonly assertion_audience?: string | undefined;
  /** How long an answer is used; milliseconds; 0: for the requests that wait for it. */
  readonly cache_ms: number;
  /** Whether tokens that are no JWT are this issuer's. */
  readonly opaque_tokens: boolean;
  /** Whether answers must be JWTs that the issuer signed (RFC 9701). */
  readonly signed: boolean;
}

export type IssuerKeySource =
  | { readonly from: 'discovery'; readonly url: string }
  | { readonly from: 'jwks'; readonly url: string }
  | { readonly from: 'inline'; readonly keys: readonly Readonly<Record<string, unknown>>[] }
  | { readonly from: 'secret'; readonly secret: SecretReference };

/** What an issuer's tokens are refused for although they verify: all that is given must fit. Only the issuer: all. */
export interface RevocationSpec {
  readonly issuer: string;
  /** Id of one token, as the audit names it: `jwt_…`. */
  readonly token?: string | undefined;
  readonly jti?: string | undefined;
  readonly subject?: string | undefined;
  /** RFC 3339; tokens without `iat` count as issued before. */
  readonly issued_before?: string | undefined;
  /** RFC 3339; from then on the revocation says nothing. */
  readonly expires_at?: string | undefined;
  readonly reason?: string | undefined;
}

/** Who (any of `consumers`, `groups`, `labels`; all labels of the map together) may do what. */
export interface PolicySpec {
  readonly effect: 'allow' | 'deny';
  /** Consumer ids, or `*`. */
  readonly consumers: readonly string[];
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Upstream ids, or `*`. */
  readonly upstreams: readonly string[];
  /** Upper case; empty = every method. */
  readonly methods: readonly string[];
  /** Globs over the upstream's own path, matched by segment; empty = every path. */
  readonly paths: readonly string[];
  /** RFC 3339; until then the policy says nothing. */
  readonly not_before?: string | undefined;
  /** RFC 3339; from then on the policy says nothing. */
  readonly expires_at?: string | undefined;
  readonly schedule?: ScheduleSpec | undefined;
  /** A CEL expression over the types of docs/policies.md; the policy speaks only where it is true. */
  readonly when?: string | undefined;
  /** `shadow`: it decides nothing; what it would have done is counted. */
  readonly mode?: 'shadow' | undefined;
}

/** Weekly: the policy speaks on these days between these times of the zone. */
export interface ScheduleSpec {
  /** IANA name such as `Europe/Berlin`. */
  readonly zone: string;
  /** `mon` … `sun`; empty = every day. */
  readonly days: readonly string[];
  /** `08:00-18:00`; the end is not part of it. `22:00-06:00` goes on into the next day. Absent: the whole day. */
  readonly hours?: string | undefined;
}

/** How often whom it names (any of `consumers`, `groups`, `labels`) may ask, each with counters of its own as `per` says. */
export interface LimitSpec {
  /** Consumer ids, or `*`. */
  readonly consumers: readonly string[];
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Upstream ids, or `*`. */
  readonly upstreams: readonly string[];
  readonly per: readonly LimitDimension[];
  readonly measure: LimitMeasure;
  readonly most: number;
  /** Of the sliding window; milliseconds; 0 for `concurrent`. */
  readonly window_ms: number;
  readonly mode: 'enforce' | 'warn';
  readonly on_cache_loss: CacheLoss;
}

export interface ResourceSpecs {
  readonly gateway: GatewaySpec;
  readonly upstream: UpstreamSpec;
  readonly credential: CredentialSpec;
  readonly consumer: ConsumerSpec;
  readonly issuer: IssuerSpec;
  readonly group: GroupSpec;
  readonly policy: PolicySpec;
  readonly limit: LimitSpec;
  readonly revocation: RevocationSpec;
}

/** Who may change a resource: the admin API, or the file source that declared it. */
export type Owner = 'api' | `file:${string}`;

export type ResourceRecord = { readonly [K in ResourceKind]: ResourceRecordOf<K> }[ResourceKind];

export interface ResourceRecordOf<K extends ResourceKind> {
  readonly kind: K;
  readonly id: string;
  readonly owner: Owner;
  readonly spec: ResourceSpecs[K];
  /** The tombstone that the API may set whoever owns the resource; no file removes it. */
  readonly disabled: boolean;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** An opaque token as the store knows it: by hash, never in clear. */
export interface TokenRecord {
  /** `tok_…`; not secret. */
  readonly id: string;
  /** Hex of the SHA-256 of the whole token. */
  readonly sha256: string;
  readonly consumer: string;
  readonly owner: Owner;
  readonly description?: string | undefined;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  /** Ids of the policies that alone may allow with it; undefined: all that name its consumer. */
  readonly scopes?: readonly string[] | undefined;
  readonly revokedAtMs?: number | undefined;
  /** Id of the token that this one replaces. */
  readonly rotatedFrom?: string | undefined;
  readonly createdAtMs: number;
  readonly lastUsedAtMs?: number | undefined;
  readonly revision: number;
}
