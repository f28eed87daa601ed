import { CredentialFlowError } from '../core/error.ts';
import type { Cancel, Store } from '../core/ports.ts';

/** A store that may not be there yet. */
export interface LateStore {
  /** Refuses everything with `store_failed` until it is open, and is the opened store from then on. */
  readonly store: Store;
  /** Opens it; rejects as the opening does, and may be called again then. Resolves at once where it is open. */
  open(): Promise<void>;
  /** The last write found no room on the store's disk. */
  isFull(): boolean;
}

export interface LateStoreOptions {
  /** What {@link Store.kind} and {@link Store.durable} of the opened store will be. */
  readonly kind: string;
  readonly durable: boolean;
}

export function createLateStore(options: LateStoreOptions, open: () => Promise<Store>): LateStore {
  const commits = createLateListeners((store, listener) => store.onCommit(listener));
  const hints = createLateListeners((store, listener) => store.onHint?.(listener));
  let opened: Store | undefined;
  let opening: Promise<void> | undefined;
  let closed = false;
  let full = false;

  /** In the very turn of the call: what was asked for before a close is asked of the store before it, too. */
  function ask<T>(question: (store: Store) => T | Promise<T>): T | Promise<T> {
    return opened === undefined ? Promise.reject(absent()) : question(opened);
  }

  async function change<T>(work: (store: Store) => Promise<T>): Promise<T> {
    try {
      const done = await ask(work);
      full = false;
      return done;
    } catch (error) {
      // Other refusals say nothing of the disk.
      if (error instanceof CredentialFlowError && error.code === 'storage_full') full = true;
      throw error;
    }
  }

  async function openOnce(): Promise<void> {
    const store = await open();
    if (closed) {
      await store.close();
      throw absent();
    }
    opened = store;
    commits.attach(store);
    hints.attach(store);
  }

  const store: Store = {
    ...options,
    identity: async () => ask((there) => there.identity()),
    write: (mutations, actor) => change((there) => there.write(mutations, actor)),
    apply: (chunks, applyOptions) => change((there) => there.apply(chunks, applyOptions)),
    readAll: async () => ask((there) => there.readAll()),
    readChanged: async (since, limit) => ask((there) => there.readChanged(since, limit)),
    getResource: async (kind, id) => ask((there) => there.getResource(kind, id)),
    listResources: async (kind, page) => ask((there) => there.listResources(kind, page)),
    changesSince: async (revision, limit) => ask((there) => there.changesSince(revision, limit)),
    // Synchronous where the store is.
    findToken: (sha256) => ask((there) => there.findToken(sha256)),
    getToken: async (id) => ask((there) => there.getToken(id)),
    listTokens: async (filter, page) => ask((there) => there.listTokens(filter, page)),
    recordTokenUse: (uses) => change((there) => there.recordTokenUse(uses)),
    listAdminAudit: async (limit) => ask((there) => there.listAdminAudit(limit)),
    onCommit: commits.add,
    onHint: hints.add,
    getMeta: async (key) => ask((there) => there.getMeta(key)),
    listMeta: async (prefix) => ask((there) => there.listMeta(prefix)),
    setMeta: (key, value, actor) => change((there) => there.setMeta(key, value, actor)),
    dump: async () => ask((there) => there.dump()),
    load: async (copy, loadOptions) => ask((there) => there.load(copy, loadOptions)),
    async close() {
      closed = true;
      await opened?.close();
    },
  };

  return {
    store,
    isFull: () => full,
    async open() {
      if (opened !== undefined) return;
      opening ??= openOnce().finally(() => {
        opening = undefined;
      });
      await opening;
    },
  };
}

/** Listeners of a store that may come later. */
function createLateListeners(listen: (store: Store, listener: (revision: number) => void) => Cancel | undefined): {
  add(listener: (revision: number) => void): Cancel;
  attach(store: Store): void;
} {
  const listeners = new Map<(revision: number) => void, Cancel | undefined>();
  let there: Store | undefined;
  return {
    add(listener) {
      listeners.set(listener, there && listen(there, listener));
      return () => {
        listeners.get(listener)?.();
        listeners.delete(listener);
      };
    },
    attach(store) {
      there = store;
      for (const listener of listeners.keys()) listeners.set(listener, listen(store, listener));
    },
  };
}

function absent(): CredentialFlowError {
  return new CredentialFlowError('store_failed', 'the store has not been reached since the start');
}
