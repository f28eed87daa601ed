import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CredentialFlowError } from '../core/error.ts';
import type { Store, TokenRead } from '../core/ports.ts';
import { defaultApplyStallMs, slices } from './apply-source.ts';
import { migrations } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { createRevisionListeners } from './revision-listeners.ts';
import { openFileBackend, openMemoryBackend, type Backend } from './sqlite/backend.ts';
import { createChangeReader } from './sqlite/changes.ts';
import { inMemory } from './sqlite/connection.ts';
import { guarded, storeFault } from './sqlite/faults.ts';
import { createReader } from './sqlite/reader.ts';
import { defaultChangeLogRows, type StoreDeps, type StoreKind, type StoreOptions } from './store-kind.ts';
import { createTurns } from './turns.ts';
import { usesInTurn } from './uses-in-turn.ts';

export interface SqliteOptions extends StoreOptions {
  /** Default: those of this version. */
  readonly migrations?: readonly Migration[];
}

/** `sqlite:PATH` or `sqlite::memory:`. */
export const sqlite: StoreKind = {
  form: 'sqlite:PATH, sqlite::memory:',
  check(location) {
    // sqlite://data/x.db would be /data/x.db to some and ./data/x.db to others; sqlite:///data/x.db is clear.
    if (location !== '' && (!location.startsWith('//') || location.startsWith('///'))) return;
    throw new CredentialFlowError(
      'config_invalid',
      'store: expected a path after sqlite:, such as sqlite:data/store.db',
    );
  },
  open: openSqliteStore,
};

/** The embedded store: `location` is a path, relative to the working directory, or `:memory:`. */
export async function openSqliteStore(location: string, options: SqliteOptions, deps: StoreDeps): Promise<Store> {
  const path = location === inMemory ? inMemory : resolve(location);
  if (options.mustExist === true && !existsSync(path)) {
    throw new CredentialFlowError('store_failed', `there is no database at ${path}`);
  }
  const writerOptions = {
    location: path,
    migrations: options.migrations ?? migrations.sqlite,
    changeLogRows: options.changeLogRows ?? defaultChangeLogRows,
    nowMs: deps.clock.now(),
  };
  const backend =
    path === inMemory ? await openMemoryBackend(writerOptions) : await openFileBackend(writerOptions, deps);
  const { from, to, copy } = backend.migrated;
  if (from !== to) deps.log.info('store_migrated', { from, to, copy });
  try {
    return guarded(() => createSqliteStore(backend, options, deps));
  } catch (error) {
    await backend.close();
    throw error;
  }
}

function createSqliteStore(backend: Backend, options: SqliteOptions, deps: StoreDeps): Store {
  const { clock } = deps;
  const reader = createReader(backend.db);
  const readChanges = createChangeReader(backend.db);
  const turns = createTurns();
  const listeners = createRevisionListeners(deps.log);
  const applyStallMs = options.applyStallMs ?? defaultApplyStallMs;
  let closing: Promise<void> | undefined;

  /** Rejects instead of throwing, as the port says. */
  async function read<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storeFault(error);
    }
  }

  return {
    kind: 'sqlite',
    durable: options.readOnlyBecauseOfFiles !== true,
    identity: () => read(() => reader.identity()),
    async write(mutations, actor) {
      const { identity, changed } = await turns.take(() => backend.port.call('write', mutations, actor, clock.now()));
      if (changed) listeners.tell(identity.revision);
      return identity;
    },
    async apply(chunks, applyOptions) {
      const { committed, ...report } = await read(() =>
        turns.take(() => backend.apply(slices(chunks, applyStallMs, clock), applyOptions, clock.now())),
      );
      if (committed) listeners.tell(report.revision);
      return report;
    },
    readAll: () => read(() => (backend.readsExclusively ? turns.take(() => backend.readAll()) : backend.readAll())),
    dump: () => read(() => (backend.readsExclusively ? turns.take(() => backend.dump()) : backend.dump())),
    async load(copy, { aboveEpoch } = {}) {
      const identity = await read(() => turns.take(() => backend.load(copy, aboveEpoch)));
      listeners.tell(identity.revision);
      return identity;
    },
    readChanged: (since, limit) =>
      read(() => {
        const work = () => backend.readChanged(since, limit);
        return backend.readsExclusively ? turns.take(work) : work();
      }),
    getResource: (kind, id) => read(() => reader.getResource(kind, id)),
    listResources: (kind, page) => read(() => reader.listResources(kind, page)),
    changesSince: (revision, limit) => read(() => readChanges(revision, limit)),
    findToken(sha256): TokenRead | Promise<TokenRead> {
      try {
        return reader.findToken(sha256);
      } catch (error) {
        return Promise.reject(storeFault(error));
      }
    },
    getToken: (id) => read(() => reader.getToken(id)),
    listTokens: ({ consumer }, page) => read(() => reader.listTokens(consumer, page)),
    async recordTokenUse(uses) {
      for (const some of usesInTurn(uses)) {
        await turns.take(() => backend.port.call('recordTokenUse', some));
      }
    },
    listAdminAudit: (limit) => read(() => reader.listAdminAudit(limit)),
    onCommit: listeners.add,
    getMeta: (key) => read(() => reader.getMeta(key)),
    listMeta: (prefix) => read(() => reader.listMeta(prefix)),
    setMeta: (key, value, actor) =>
      turns.take(() => backend.port.call('setMeta', key, value, actor && { actor, nowMs: clock.now() })),
    /** Lets the writes that were asked for finish. */
    close: () => (closing ??= turns.take(() => read(() => backend.close()))),
  };
}
