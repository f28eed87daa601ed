/** Doubles for the tests of this family: a store of tokens with a change log, and a log that remembers. */
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Change, ChangePage, Log, Store, StoreIdentity, TokenRead } from '../../sidecar/core/ports.ts';
import type { TokenRecord } from '../../sidecar/core/resources.ts';

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface RememberingLog extends Log {
  readonly lines: { readonly level: string; readonly event: string; readonly fields: unknown }[];
  events(): string[];
}

export function createRememberingLog(): RememberingLog {
  const lines: RememberingLog['lines'] = [];
  const at =
    (level: string) =>
    (event: string, fields: unknown = {}): void =>
      void lines.push({ level, event, fields });
  return {
    lines,
    events: () => lines.map(({ event }) => event),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

export const hashOf = (name: string): string => Buffer.from(name).toString('hex').padEnd(64, '0');

export function tokenRecord(name: string, fields: Partial<TokenRecord> = {}): TokenRecord {
  return {
    id: `tok_${name}`,
    sha256: hashOf(name),
    consumer: `team-${name}`,
    owner: 'api',
    notBeforeMs: 0,
    expiresAtMs: 4_000_000_000_000,
    createdAtMs: 0,
    revision: 1,
    ...fields,
  };
}

/** The part of a store that look-ups and the follower need; every change raises the revision by one. */
export interface ScriptedStore extends Pick<Store, 'identity' | 'changesSince' | 'onCommit' | 'findToken'> {
  put(name: string, fields?: Partial<TokenRecord>): void;
  revoke(name: string): void;
  remove(name: string): void;
  changeResource(id: string): void;
  /** Forgets the log up to and including a revision. */
  trimLog(revision: number): void;
  /** What a restore does: an older state, under a new epoch unless told otherwise. */
  become(identity: Partial<StoreIdentity & { readonly timeline: string }>): void;
  /**
   * What a backup, or a replica that lags behind, holds; `restore` makes it the store: in a new epoch, in the same one on
   * another timeline of its server, or (`same`) so that nothing but the revision tells.
   */
  save(): SavedStore;
  restore(saved: SavedStore, as: 'new epoch' | 'new timeline' | 'same'): void;
  revision(): number;
  readonly asked: { tokens: number; pages: number };
  /** While set, every read is passed through it (to fail it or to keep it waiting). */
  through: (<T>(answer: () => T) => Promise<T>) | undefined;
}

export interface SavedStore {
  readonly tokens: ReadonlyMap<string, TokenRecord>;
  readonly log: readonly Change[];
  readonly revision: number;
}

/** As PostgreSQL names them. */
const timelineOf = (n: number): string => n.toString(16).toUpperCase().padStart(8, '0');

export function createScriptedStore(): ScriptedStore {
  let tokens = new Map<string, TokenRecord>();
  const listeners = new Set<(revision: number) => void>();
  let log: Change[] = [];
  let identity: StoreIdentity & { readonly timeline: string } = {
    storeId: 'store',
    epoch: 1,
    revision: 0,
    timeline: timelineOf(1),
  };
  let logFloor = 0;

  function commit(kind: Change['kind'], id: string, cacheKey: string): void {
    identity = { ...identity, revision: identity.revision + 1 };
    log.push({ revision: identity.revision, kind, id, cacheKey });
    for (const listener of [...listeners]) listener(identity.revision);
  }

  function read<T>(answer: () => T): Promise<T> {
    return store.through === undefined ? Promise.resolve(answer()) : store.through(answer);
  }

  function page(since: number, limit: number): ChangePage {
    const changes = log.filter(({ revision }) => revision > since).slice(0, limit);
    const last = changes.at(-1);
    const isComplete = last === undefined || changes.length < limit;
    return { ...identity, changes, completeTo: isComplete ? identity.revision : last.revision, logFloor };
  }

  const store: ScriptedStore = {
    asked: { tokens: 0, pages: 0 },
    through: undefined,
    put(name, fields = {}) {
      const record = tokenRecord(name, { ...fields, revision: identity.revision + 1 });
      tokens.set(record.sha256, record);
      commit('token', record.id, `token:${record.sha256}`);
    },
    revoke: (name) => store.put(name, { revokedAtMs: 1 }),
    remove(name) {
      tokens.delete(hashOf(name));
      commit('token', `tok_${name}`, `token:${hashOf(name)}`);
    },
    changeResource: (id) => commit('policy', id, ''),
    trimLog(revision) {
      log = log.filter((change) => change.revision > revision);
      logFloor = revision;
    },
    become(changed) {
      identity = { ...identity, ...changed };
      log = log.filter(({ revision }) => revision <= identity.revision);
    },
    save: () => ({ tokens: new Map(tokens), log: [...log], revision: identity.revision }),
    restore(saved, as) {
      tokens = new Map(saved.tokens);
      log = [...saved.log];
      const { epoch, timeline } = identity;
      identity = {
        ...identity,
        revision: saved.revision,
        epoch: as === 'new epoch' ? epoch + 1 : epoch,
        timeline: as === 'new timeline' ? timelineOf(parseInt(timeline, 16) + 1) : timeline,
      };
    },
    revision: () => identity.revision,
    identity: () => read(() => ({ storeId: identity.storeId, epoch: identity.epoch, revision: identity.revision })),
    changesSince(since, limit) {
      store.asked.pages += 1;
      return read(() => page(since, limit));
    },
    onCommit(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    findToken(sha256) {
      store.asked.tokens += 1;
      return read((): TokenRead => ({ asOf: identity.revision, token: tokens.get(sha256) }));
    },
  };
  return store;
}

export const storeIsAway = <T>(): Promise<T> => Promise.reject(new CredentialFlowError('store_failed'));
