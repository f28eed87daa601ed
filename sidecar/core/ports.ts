/** What the families implement and what they get. Interfaces only. */
import type { DenialCode } from './codes.ts';
import type { Owner, ResourceKind, ResourceRecord, ResourceSpecs, SecretReference, TokenRecord } from './resources.ts';
import type { Secret } from './secret.ts';
import type { ConsumerEntry, IssuerEntry, Snapshot } from './snapshot.ts';
import type { CopyPart } from './store-copy.ts';

/** The only source of time. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic, milliseconds, fractional. */
  monotonic(): number;
  /** Runs once after `ms`; the timer never keeps the process alive. */
  after(ms: number, run: () => void): Cancel;
  /** Runs every `ms`; the timer never keeps the process alive. */
  every(ms: number, run: () => void): Cancel;
}

export type Cancel = () => void;

/** Structured log. `event` is a stable snake_case name; `fields` must hold neither secrets nor tokens. */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

// ── store ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface StoreIdentity {
  /** Made once per store. */
  readonly storeId: string;
  /** Rises on restore, migration or declared fail-over. */
  readonly epoch: number;
  /** Rises by one with every logical write; commit order equals revision order, without gaps. */
  readonly revision: number;
}

/** Which of the histories that a store may have had: a fail-over can lose commits and pass their revisions again. */
export interface StoreHistory extends StoreIdentity {
  /** Names the history that the server writes: another one after a fail-over. Undefined: the store cannot tell. */
  readonly timeline?: string | undefined;
}

/** A store as it was at one moment; see store-copy.ts. */
export interface StoreCopy extends StoreIdentity {
  readonly format: number;
  /** To be read once, to its end or left. */
  readonly parts: AsyncIterable<CopyPart>;
}

/** What changed under a revision. Tokens are named by the key the caches use, resources by kind and id. */
export interface Change {
  readonly revision: number;
  readonly kind: ResourceKind | 'token';
  readonly id: string;
  /** Cache key (`token:<sha256>`) for tokens; empty for resources. */
  readonly cacheKey: string;
}

export interface ChangePage extends StoreHistory {
  /** In revision order; every change of a named revision is in the page. `revision` above is the store's newest. */
  readonly changes: readonly Change[];
  /** Highest revision this page is complete to. */
  readonly completeTo: number;
  /** The log starts after this revision; a reader that applied less must read everything anew. */
  readonly logFloor: number;
  /** Milliseconds since the oldest of the changes was written, by the store's own clock; for the metrics only. */
  readonly oldestAgeMs?: number | undefined;
}

/** A resource that changed, as it is at the moment of the read; undefined: it is not there any more. */
export interface ResourceChange {
  readonly kind: ResourceKind;
  readonly id: string;
  readonly record: ResourceRecord | undefined;
}

export type Mutation =
  | {
      readonly op: 'put';
      readonly kind: ResourceKind;
      readonly id: string;
      readonly owner: Owner;
      readonly spec: ResourceSpecs[ResourceKind];
      /** The resource must be at this revision (0: must not exist). */
      readonly ifRevision?: number | undefined;
    }
  | {
      readonly op: 'delete';
      readonly kind: ResourceKind;
      readonly id: string;
      readonly owner: Owner;
      /** The resource must be at this revision. */
      readonly ifRevision?: number | undefined;
    }
  | { readonly op: 'set_disabled'; readonly kind: ResourceKind; readonly id: string; readonly disabled: boolean }
  | { readonly op: 'put_token'; readonly token: NewToken }
  | { readonly op: 'revoke_token'; readonly id: string; readonly atMs: number }
  | { readonly op: 'expire_token'; readonly id: string; readonly expiresAtMs: number }
  | { readonly op: 'delete_token'; readonly id: string; readonly owner: Owner };

export type NewToken = Pick<
  TokenRecord,
  'id' | 'sha256' | 'consumer' | 'owner' | 'description' | 'notBeforeMs' | 'expiresAtMs' | 'scopes' | 'rotatedFrom'
>;

/** Who makes a change, for the audit row that is written in the change's own transaction. */
export interface Actor {
  /** `admin`, `file:<source>`, `system`. */
  readonly name: string;
  readonly action: string;
  readonly requestId?: string | undefined;
}

export interface ApplyOptions {
  readonly owner: Owner;
  readonly actor: Actor;
  /** Delete what `owner` owns and the chunks do not name. */
  readonly prune: boolean;
  /** Allow a prune of everything, or of over a fifth. */
  readonly allowPrune: boolean;
  /** Compute the report, change nothing. */
  readonly dryRun: boolean;
}

/**
 * A list of mutations as `serialize` of node:v8 wrote it in another process. It is read where it is written to the store,
 * which may be a thread of its own: this one only hands it on.
 */
export interface PackedMutations {
  readonly packed: Uint8Array;
}

export type ApplyChunk = readonly Mutation[] | PackedMutations;

export interface ApplyReport {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
  /** Ids `kind/id` of what changed, capped at 1,000. */
  readonly changed: readonly { readonly id: string; readonly action: 'create' | 'update' | 'delete' }[];
  /** The store's revision afterwards. */
  readonly revision: number;
}

export interface AdminAuditRow {
  readonly revision: number;
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  readonly kind: string;
  readonly id: string;
  readonly requestId?: string | undefined;
}

export interface Page {
  /** Exclusive: ids after this one, in ascending order. */
  readonly after?: string | undefined;
  /** 1 to 1,000; default 100. */
  readonly limit?: number | undefined;
}

/** A token and the revision of the store at which it was read: both from one statement. */
export interface TokenRead {
  readonly asOf: number;
  readonly token: TokenRecord | undefined;
}

/**
 * The store of record. Every method rejects with a CredentialFlowError: `store_failed` when the store cannot answer,
 * `storage_full` on a full disk, and the refusals named at the methods.
 */
export interface Store {
  readonly kind: string;
  /** False: a file and an in-memory database, where the file is the only authority (405 on writes). */
  readonly durable: boolean;
  identity(): Promise<StoreIdentity>;
  /**
   * One transaction, one revision, one audit row a mutation. Nothing changes when one of them is refused:
   * `resource_owned_by_file` (another owner), `revision_conflict`, `not_found`, `resource_exists` (a token's id or hash).
   */
  write(mutations: readonly Mutation[], actor: Actor): Promise<StoreIdentity>;
  /**
   * Declares everything a source owns, chunk by chunk, in one transaction; unchanged resources raise no revision.
   * Only `put` and `put_token` are allowed in the chunks. What the API owns and is declared word for word as it is
   * becomes the source's own. Refuses with `prune_refused`, `resource_owned_by_file`, `resource_exists` (the API owns it,
   * and it is something else).
   */
  apply(chunks: Iterable<ApplyChunk> | AsyncIterable<ApplyChunk>, options: ApplyOptions): Promise<ApplyReport>;
  /** All resources of one moment, in chunks (so that no reader blocks its loop), and the revision of that moment. */
  readAll(): Promise<StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceRecord[]> }>;
  /**
   * The resources that changed after `since` as they are at one moment, each once, and the store at that moment.
   * Undefined: they are more than `limit`, or the log cannot tell (another store or epoch, a log that starts later, a
   * store below that revision): read everything. Like `readAll` it does not fail on a row that cannot be read: its
   * spec is null.
   */
  readChanged(
    since: StoreIdentity,
    limit: number,
  ): Promise<(StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceChange[]> }) | undefined>;
  getResource(kind: ResourceKind, id: string): Promise<ResourceRecord | undefined>;
  listResources(kind: ResourceKind, page?: Page): Promise<readonly ResourceRecord[]>;
  changesSince(revision: number, limit: number): Promise<ChangePage>;
  /** May answer synchronously (an embedded store does). */
  findToken(sha256: string): Promise<TokenRead> | TokenRead;
  getToken(id: string): Promise<TokenRecord | undefined>;
  listTokens(filter: { readonly consumer?: string | undefined }, page?: Page): Promise<readonly TokenRecord[]>;
  /** Last-used times by token id; raises no revision; keeps the later of both. */
  recordTokenUse(uses: ReadonlyMap<string, number>): Promise<void>;
  /** Newest first. */
  listAdminAudit(limit: number): Promise<readonly AdminAuditRow[]>;
  /** Calls back after each commit made through this very object (not for other processes' commits). */
  onCommit(listener: (revision: number) => void): Cancel;
  /**
   * Calls back when the store announces a commit of another process: a reason to read, nothing more; some may get lost.
   * Absent: the store announces nothing.
   */
  onHint?(listener: (revision: number) => void): Cancel;
  /** Small named values of the installation (key checks, file hashes); raise no revision. */
  getMeta(key: string): Promise<string | undefined>;
  /** Those whose key begins with `prefix`. */
  listMeta(prefix: string): Promise<ReadonlyMap<string, string>>;
  /** With an actor, an audit row (kind `meta`) at the present revision is written in the same transaction. */
  setMeta(key: string, value: string, actor?: Actor): Promise<void>;
  /** All of one moment, whatever is written meanwhile; in parts, so that no reader blocks its loop. */
  dump(): Promise<StoreCopy>;
  /**
   * Fills an empty store with a copy, in one transaction: its `storeId` and revision, and an epoch above both the
   * copy's and `aboveEpoch` (that of a store which this one replaces; default 0), so that nothing cached before is met
   * again. The change log begins after the copy's revision. Nothing changes when it is refused: `store_not_empty` for a
   * store that anything was written to, `copy_newer`, `copy_invalid` for a copy that breaks off or is not one.
   */
  load(copy: StoreCopy, options?: { readonly aboveEpoch?: number | undefined }): Promise<StoreIdentity>;
  close(): Promise<void>;
}

// ── cache ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A shared, forgetful and untrusted place for sealed values. Every method rejects with `cache_failed` within twice
 * the cache's own time-out (a redirect, or a batch before); nothing is queued while it is away.
 */
export interface Cache {
  readonly kind: string;
  get(key: string): Promise<string | undefined>;
  /** `ttlMs` > 0. */
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Tells the other sidecars that the store moved; best effort, carries no state. */
  publishHint(revision: number): Promise<void>;
  /** The listener must treat the hint as a reason to read, nothing more. */
  onHint(listener: (revision: number) => void): Cancel;
  healthy(): boolean;
  /** Undefined: it is shared with nobody, and whoever counts had better count by himself. */
  readonly counters: SharedCounters | undefined;
  /** Undefined: as with {@link Cache.counters}. */
  readonly places: SharedPlaces | undefined;
  readonly locks: SharedLocks;
  /** From what was learned last: asks nobody. */
  report(): CacheReport;
  close(): Promise<void>;
}

/** Counters that all sidecars of a cache share, by the server's clock. What they say costs limits and efficiency only. */
export interface SharedCounters {
  /** Takes units ahead. Rejects as the cache does. */
  lease(key: string, wanted: WantedLease): Promise<Lease>;
  /** Gives back what was not used of a lease. */
  giveBack(key: string, slot: number, units: number): Promise<void>;
}

export interface WantedLease {
  /** At most so many within the window, by all together. */
  readonly limit: number;
  readonly windowMs: number;
  /** At most so many for now; fewer come when few are left, so that others get some. */
  readonly units: number;
  /** Units that were used without asking. */
  readonly spent: number;
  /** Who asks, and for the how many-th time: when an answer was lost, the same again gets the same answer. */
  readonly asker: string;
  readonly serial: number;
}

export interface Lease {
  readonly granted: number;
  /** By all together within the window, this lease included. */
  readonly used: number;
  /** Where none was granted: when the oldest leave the window; milliseconds. */
  readonly retryAfterMs: number;
  readonly slot: number;
}

/**
 * Places for requests under way, which all sidecars of a cache share, and their words to each other about them. What they
 * say costs limits and efficiency only.
 */
export interface SharedPlaces {
  /** Replaces what the holder had; the same again changes nothing. Rejects as the cache does. */
  hold(key: string, wanted: WantedPlaces): Promise<HeldPlaces>;
  /** Takes nothing. Rejects as the cache does. */
  look(key: string, holder: string): Promise<PlacesElsewhere>;
  /** To all sidecars of the store, this one included; what is lost is lost. Rejects as the cache does. */
  tell(message: string): Promise<void>;
  /** Anybody may have written it. */
  onTold(listener: (message: string) => void): Cancel;
}

export interface WantedPlaces {
  readonly holder: string;
  /** At most so many at once, by all together. */
  readonly limit: number;
  /** By requests under way: they are held even beyond the limit. */
  readonly underWay: number;
  /** Requests that wait for one; they count as under way when they get it. */
  readonly waiting: number;
  /** That no request has, and that it would like to keep. */
  readonly kept: number;
  /** And more beyond all these, of an eighth of what is left then. */
  readonly ahead: number;
  /** Unless they are held again they are free after so long; milliseconds, at most a minute. */
  readonly lifeMs: number;
}

export interface PlacesElsewhere {
  readonly held: number;
  /** By requests under way, when their holders last said so. */
  readonly underWay: number;
}

export interface HeldPlaces {
  /** By whoever asked. */
  readonly held: number;
  readonly elsewhere: PlacesElsewhere;
}

/**
 * Which of all does what one of them is enough for. They save work and keep nobody from anything: whoever can write to the
 * cache can take and break them. So who finds one taken waits for a bounded time only, and what must be right is a
 * conditional update in the store.
 */
export interface SharedLocks {
  /** Undefined: another one has it. It ends after `ttlMs` unless it is renewed. Rejects as the cache does. */
  take(name: string, ttlMs: number): Promise<HeldLock | undefined>;
}

export interface HeldLock {
  /** For as long again, from now on; false: it is not ours any more. Rejects as the cache does: nobody can tell. */
  renew(): Promise<boolean>;
  /** Ends it, if it is still ours. Rejects as the cache does: then it ends by itself. */
  release(): Promise<void>;
}

/** What an operator should know of a cache; bounded words, without secrets. */
export interface CacheReport {
  readonly connected: boolean;
  /** Whether hints can arrive; undefined: nobody listens, or no connection is needed. */
  readonly hints: boolean | undefined;
  /** What does not work, why, and what to do. */
  readonly problems: readonly string[];
  /** What works, but costs something. */
  readonly notes: readonly string[];
  readonly server: Readonly<Record<string, string | number>>;
}

// ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What L1 keeps of a token. Never groups, rights or a verdict. */
export interface TokenFacts {
  readonly tokenId: string;
  readonly consumerId: string;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  /** 0: not revoked. */
  readonly revokedAtMs: number;
  /** Ids of the policies that alone may allow with this token; undefined: all that name its consumer. */
  readonly policies?: readonly string[] | undefined;
  /** Of another issuer's token; undefined for our own. */
  readonly issued?: IssuedFacts | undefined;
}

/** What a verified token of an issuer says; its claims, and what today's mapping makes of them. */
export interface IssuedFacts {
  /** By which it was verified; another one in the snapshot means that it has to be verified again. */
  readonly issuer: IssuerEntry;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly groups: readonly string[];
  /** What the token may be used for, as its issuer says. */
  readonly scopes: readonly string[];
  readonly issuedAtMs: number;
  /** Keys of the deny-list under which it may be found. */
  readonly revocationKeys: readonly string[];
  /** The consumer with the token's groups, as it was made for the last decision. */
  merged?:
    | { readonly from: ConsumerEntry; readonly allGroupsOf: Snapshot['allGroupsOf']; readonly to: ConsumerEntry }
    | undefined;
}

export type Validation = TokenFacts | { readonly deny: DenialCode; readonly retryAfterMs?: number };

/** One way to turn a presented token into facts. Synchronous when warm. Never throws for bad tokens. */
export interface TokenValidator {
  readonly kind: string;
  /** Cheap, by shape only; the first validator that accepts a token judges it alone. */
  accepts(token: string): boolean;
  validate(token: string): Validation | Promise<Validation>;
}

/**
 * The tiers behind the opaque validator: L1 → cache → store. Synchronous when L1 knows the token. Never throws: what
 * could not be known is a denial (`store_unavailable`, `overloaded`, `deadline_exceeded`), no such token is
 * `token_unknown`.
 */
export interface TokenLookup {
  /** `isGenuine` (the keyed tag) is asked on an L1 miss, before anything leaves the process. */
  find(sha256: string, isGenuine: () => boolean): Validation | Promise<Validation>;
}

// ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Resolves a reference to a secret. Rejects with `secret_invalid` and a message that names the place, never the value. */
export interface SecretManager {
  readonly kind: string;
  /** Checks the options of a reference without resolving it; returns what is wrong. */
  check(reference: SecretReference): readonly string[];
  /** `binding` names the resource (`credential/<id>`); a sealed value opens only where it was sealed for. */
  resolve(reference: SecretReference, binding: string): Promise<Secret>;
  /** Calls back after the value behind the reference may have changed. Absent: it cannot change. */
  watch?(reference: SecretReference, changed: () => void): Cancel;
}

/** Puts a secret into the headers of the request that goes upstream. */
export interface Injector {
  readonly kind: string;
  /** Lower-case names of the headers it writes. */
  readonly headers: readonly string[];
  /** Flat list name, value, …; throws `secret_invalid` for what no header may carry. */
  inject(secret: string): readonly string[];
}

// ── audit ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Takes whole lines, each with its line break, as UTF-8. Rejects when they could not be written. */
export interface AuditSink {
  readonly kind: string;
  /** The bytes are the sink's until the promise is settled. */
  write(lines: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

// ── what the gateway's log tells ─────────────────────────────────────────────────────────────────────────────────────

/** Who posted a batch of the log, by its key. */
export interface LogSource {
  /** Undefined: the key is the installation's, which speaks for every gateway. */
  readonly gatewayId: string | undefined;
}

/** How one request fared that the gateway sent on with a credential of ours. Read from its log, at least once each. */
export interface UpstreamOutcome {
  readonly upstreamId: string;
  readonly credentialId: string;
  /** What `cfcredential` carried. */
  readonly versionId: string;
  /** When the gateway logged it; wall clock, milliseconds. */
  readonly atMs: number;
  /** Of the upstream's last answer; 0: it gave none (refused, timed out). */
  readonly status: number;
  /** Until the upstream's last byte, and until its headers; milliseconds; undefined: the log does not say. */
  readonly durationMs: number | undefined;
  readonly headerMs: number | undefined;
  /** The upstream's own headers about its limits, as they came; lower-case names, `retry-after` among them. */
  readonly limits: Readonly<Record<string, string>>;
}

/** The same with what is for figures only. */
export interface LoggedRequest extends UpstreamOutcome {
  /** The client left before the upstream answered: a `status` of 0 is not the upstream's fault then. */
  readonly abandoned: boolean;
  /** On the client's side, headers included. */
  readonly requestBytes: number | undefined;
  readonly responseBytes: number | undefined;
  /** Of a language model's answer, where the gateway reads it (`ai-proxy`). What a client sent may be in `model`. */
  readonly model: string | undefined;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  /** Undefined: not asked for, or not known here (another sidecar decided, or too long ago). */
  readonly consumerId: string | undefined;
}
