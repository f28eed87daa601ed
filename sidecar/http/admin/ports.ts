/** What the admin API needs of the rest of the house, as narrow functions: the composition root wires them. */
import type { Problem } from '../../core/error.ts';
import type { Actor, ApplyReport, Clock, Log, Store } from '../../core/ports.ts';
import type {
  GatewaySpec,
  LimitSpec,
  Owner,
  ResourceKind,
  ResourceSpecs,
  SecretReference,
  UpstreamSpec,
} from '../../core/resources.ts';
import type { Secret } from '../../core/secret.ts';

export interface AdminDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads one resource in the shape of the resource file, `id` included. */
  parseBody(kind: ResourceKind, body: Readonly<Record<string, unknown>>): ParsedBody;
  /** What {@link AdminDeps.parseBody} reads back as this very resource. */
  toBody(kind: ResourceKind, id: string, spec: ResourceSpecs[ResourceKind]): Readonly<Record<string, unknown>>;
  /** What is wrong with a limit beside the upstreams that there are. */
  judgeLimit(spec: LimitSpec): Promise<readonly Problem[]>;
  /** What an upstream that would be so (undefined: gone) takes away from the budgets that there are. */
  judgeUpstream(id: string, spec: UpstreamSpec | undefined): Promise<readonly Problem[]>;
  /** Parses and applies a whole document. Rejects with `resource_invalid` and every problem, or as the store refuses. */
  applyText(text: string, options: ApplyTextOptions): Promise<AppliedText>;
  /** Everything in the store as the YAML of one document that `apply` takes back. */
  exportDocument(): Promise<string>;
  mintToken(): MintedToken;
  /** Seals for one resource (`credential/<id>`); what it returns opens nowhere else. */
  sealSecret(plaintext: Secret, binding: string): Promise<SecretReference> | SecretReference;
  /** With what others seal for this store; nothing secret. */
  sealingKey(): Readonly<Record<string, unknown>>;
  /** The bytes of an encrypted backup of this moment; an audit row says that it was taken. */
  takeBackup(actor: Actor): Promise<AsyncIterable<Uint8Array>>;
  readonly keys: KeyAdministration;
  readonly explanations: Explanations;
  mintGatewayKey(): { readonly key: Secret; readonly sha256: string };
  /** The new key is current, the one before it ends after the overlap, older ones are retired. */
  withNewGatewayKey(spec: GatewaySpec, sha256: string, nowMs: number, overlapMs: number): GatewaySpec;
  /** Puts a rotated key where the sidecar reads it at start; false where it has no such place (environment, another gateway). */
  keepGatewayKey(gatewayId: string, key: Secret): Promise<boolean>;
  /** How a credential fares, as it is shown; undefined: nothing is known of it. */
  healthOf(credentialId: string): Readonly<Record<string, unknown>> | undefined;
  /** The OpenAPI document of this API, as JSON. */
  openApi(): string;
  status(): Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>;
  /** `30d` → milliseconds; undefined for what is no duration. */
  parseDuration(text: string): number | undefined;
  /** Called once for each finished request; `route` is the pattern, never what the caller wrote. */
  observe?(request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly durationMs: number;
  }): void;
}

/** A request as somebody imagines it; of `token` and `consumer` one is there. */
export interface ExplainRequest {
  readonly token: Secret | undefined;
  readonly consumer: string | undefined;
  readonly scopes: readonly string[] | undefined;
  readonly upstream: string;
  /** Upper case. */
  readonly method: string;
  /** As the client sends it to the gateway. */
  readonly uri: string;
  /** As the upstream receives it, where the route rewrites. */
  readonly upstreamUri: string | undefined;
  readonly gateway: string | undefined;
  /** In lower case; all of them readable. */
  readonly headers: Readonly<Record<string, string>>;
  /** Default: now. */
  readonly atMs: number | undefined;
}

/** Why a request is decided as it is. What they answer is shown as it is; neither token nor secret is in it. */
export interface Explanations {
  /** Whether a condition may read a header. */
  isReadable(name: string): boolean;
  explain(request: ExplainRequest): Promise<object>;
  /** Rejects with `not_found` for one that is not remembered. */
  explainDecision(id: string): Promise<object>;
  /** The newest first. */
  decisions(limit: number): readonly object[];
}

/** The versions of the master key; keys/key-administration.ts says more. What it answers is shown as it is. */
export interface KeyAdministration {
  list(): Promise<object>;
  rotate(supplied: Secret | undefined, actor: Actor): Promise<object>;
  rewrap(
    after: string | undefined,
    confirmed: string | undefined,
    actor: Actor,
  ): Promise<{ readonly next: string | undefined }>;
  retire(version: string, confirmed: string | undefined, actor: Actor): Promise<object>;
}

/** With `ok` the problems are warnings. */
export type ParsedBody =
  | { readonly ok: true; readonly spec: ResourceSpecs[ResourceKind]; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ApplyTextOptions {
  readonly owner: Owner;
  /** How problems name the document. */
  readonly file: string;
  readonly prune: boolean;
  readonly allowPrune: boolean;
  readonly dryRun: boolean;
  readonly actor: Actor;
}

export interface AppliedText {
  readonly report: ApplyReport;
  readonly warnings: readonly Problem[];
}

export interface MintedToken {
  /** `tok_…`; not secret. */
  readonly id: string;
  readonly token: Secret;
  /** Hex of the SHA-256 of the whole token. */
  readonly sha256: string;
}
