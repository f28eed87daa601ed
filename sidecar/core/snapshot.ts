import type { LimitEntry } from './limit.ts';
import type { Preset } from './preset.ts';
import type { PriceSpec } from './prices.ts';
import type { ClaimTemplate } from './claims.ts';
import type { IssuerSpec, PolicySpec, TokenSlot } from './resources.ts';
import type { RevocationIndex } from './revocations.ts';
import type { RuleIndex } from './rule-index.ts';
import type { Secret } from './secret.ts';
import type { Table } from './table.ts';

/** Everything a warm decision reads, compiled to plain indexed data and swapped as a whole. Never changes. */
export interface Snapshot {
  readonly storeId: string;
  readonly epoch: number;
  readonly revision: number;
  /** By hex SHA-256 of a live key. */
  readonly gatewaysByKey: ReadonlyMap<string, GatewayEntry>;
  readonly upstreams: ReadonlyMap<string, UpstreamEntry>;
  readonly upstreamsByRoute: ReadonlyMap<string, UpstreamEntry>;
  /** By what `cfcredential` carries: for reading the gateway's log, never for deciding. */
  readonly credentialsByVersion: ReadonlyMap<string, VersionEntry>;
  /** By id. Consumers of the same groups and labels share one entry. */
  readonly consumers: Table<ConsumerEntry>;
  /** Groups and all that they are in. Undefined: one of them is damaged, so nobody can tell. */
  readonly allGroupsOf: (groups: readonly string[]) => readonly string[] | undefined;
  /** By `iss`. One that two resources claim is in here for neither. */
  readonly issuers: ReadonlyMap<string, IssuerEntry>;
  readonly revocations: RevocationIndex;
  /** Policies by subject key and in the order of their ids, for telling a consumer what it may do; never for deciding. */
  readonly policiesBySubject: Table<readonly PolicyEntry[]>;
  /** Whether any policy reads more of a request than consumer, method and path. */
  readonly hasConditions: boolean;
  /** What is wrong with single resources; they deny, the rest works. */
  readonly problems: readonly SnapshotProblem[];
}

export interface PolicyEntry {
  readonly id: string;
  readonly spec: PolicySpec;
}

export interface SnapshotProblem {
  readonly kind: string;
  readonly id: string;
  readonly message: string;
}

export interface GatewayEntry {
  readonly id: string;
  readonly disabled: boolean;
  readonly keys: readonly { readonly sha256: string; readonly expiresAtMs: number }[];
  /** Undefined: every upstream. */
  readonly upstreams: ReadonlySet<string> | undefined;
  /** Undefined: from every address. */
  readonly allowsAddress: ((address: string) => boolean) | undefined;
}

export interface UpstreamEntry {
  readonly id: string;
  readonly disabled: boolean;
  readonly preset: Preset;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly tokenSlots: readonly TokenSlot[];
  readonly queryKeys: ReadonlySet<string>;
  /** Decoded segments of `prefix`; empty for `/`. */
  readonly prefix: readonly string[];
  /** Decoded segments of the path of `base_url`. */
  readonly basePath: readonly string[];
  readonly encodedSlashes: boolean;
  readonly passthrough: readonly string[];
  readonly identityHeader: boolean;
  readonly maxStaleMs: number;
  /** What its models cost; the first line that fits counts. */
  readonly prices: readonly PriceSpec[];
  /** Its own policies and those of every upstream. */
  readonly rules: readonly RuleIndex[];
  /** Its own limits and those of every upstream, in the order of their ids. */
  readonly limits: readonly LimitEntry[];
  /** Of policies in shadow mode; they decide nothing. */
  readonly shadowRules: readonly RuleIndex[];
  /** The pool, in the order of ids. */
  readonly credentials: readonly CredentialVersion[];
}

export interface CredentialVersion {
  /** Opaque; what `cfcredential` carries. Derived from store id, credential id and secret reference. */
  readonly versionId: string;
  readonly credentialId: string;
  /** Its share of the pool's consumers; 0: only where no other works. */
  readonly weight: number;
  /** Of the credential's id: which consumers are its own. A new version keeps them. */
  readonly seed: number;
  /**
   * The whole answer but the identity header, as a flat list name, value, name, value …; every slot and steering
   * header is in it, empty where unused. Undefined: the secret could not be read or is empty.
   */
  readonly headers: Secret<readonly string[]> | undefined;
}

export interface VersionEntry {
  readonly upstream: UpstreamEntry;
  readonly credential: CredentialVersion;
}

/** The same object as long as the resource says the same: what was verified by it, was verified by this. */
export interface IssuerEntry {
  readonly id: string;
  readonly disabled: boolean;
  readonly spec: IssuerSpec;
  readonly consumer: ClaimTemplate;
  readonly groups: readonly ClaimTemplate[];
  readonly scopes: readonly (readonly string[])[];
  readonly requiredClaims: readonly { readonly path: readonly string[]; readonly oneOf: ReadonlySet<string> }[];
  /** What stands behind a consumer that is no resource; undefined: it must be one. */
  readonly unlisted: ConsumerEntry | undefined;
}

export interface ConsumerEntry {
  readonly disabled: boolean;
  /** Empty: nobody is named. */
  readonly owner: string;
  /** As declared, and `allGroups` with those that these are members of; the same list where nothing differs. */
  readonly groups: readonly string[];
  readonly allGroups: readonly string[];
  /** False: a group is damaged, and what it is a member of cannot be told. */
  readonly groupsKnown: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Keys into a {@link RuleIndex} besides the consumer's id: `group:<g>`, `label:<k>=<v>`, `*`. */
  readonly subjects: readonly string[];
}
