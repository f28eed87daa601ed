import type { Clock, Log, Store } from '../core/ports.ts';

export interface StoreOptions {
  /** The resource files are the only authority, writes are refused: `Store.durable` is false. Default false. */
  readonly readOnlyBecauseOfFiles?: boolean;
  /** Refuses (`store_failed`) where there is no store yet, instead of making one. Default false. */
  readonly mustExist?: boolean;
}

export interface StoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens what stands behind the scheme of a store's URL. */
export type OpenStore = (location: string, options: StoreOptions, deps: StoreDeps) => Promise<Store>;
