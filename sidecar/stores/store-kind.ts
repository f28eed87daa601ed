import type { Clock, Log, Store } from '../core/ports.ts';

export interface StoreOptions {
  /** The resource files are the only authority, writes are refused: `Store.durable` is false. Default false. */
  readonly readOnlyBecauseOfFiles?: boolean;
  /** Refuses (`store_failed`) where there is no store yet, instead of making one. Default false. */
  readonly mustExist?: boolean;
  /** How long one look-up of a token may take, milliseconds; default 400. A local database needs no bound. */
  readonly lookupTimeoutMs?: number;
  /** Changes that the log keeps at least; default 100,000. */
  readonly changeLogRows?: number;
  /** How long the source of an apply may give nothing, milliseconds; default 30,000. */
  readonly applyStallMs?: number;
}

export const defaultChangeLogRows = 100_000;

export interface StoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** A kind of store: what its URLs look like, and how it is opened. */
export interface StoreKind {
  /** As an error shows it. */
  readonly form: string;
  /** Throws `config_invalid` for a location that cannot be one; never repeats it. */
  check(location: string): void;
  /** `location`: what follows the scheme of the URL. */
  open(location: string, options: StoreOptions, deps: StoreDeps): Promise<Store>;
}
