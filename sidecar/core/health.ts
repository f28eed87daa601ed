/** How a credential fares with its upstream, as far as this sidecar knows. */

/**
 * `unknown`: nothing was heard of it. `ok`: it works. `degraded`: its requests fail for reasons that are not the key's
 * (5xx, no answer). `suspect`: an answer may mean that it is dead; a probe is to tell. `throttled`: it was told to wait,
 * or waits because nobody said for how long. `dead`: the upstream refuses it.
 */
export const healthStates = ['unknown', 'ok', 'degraded', 'suspect', 'throttled', 'dead'] as const;
export type HealthState = (typeof healthStates)[number];

export interface CredentialHealth {
  readonly state: HealthState;
  /** Of the change to this state; wall clock, milliseconds; 0: it was never another. */
  readonly sinceMs: number;
  /**
   * Throttled: not before then. Dead: not before then either, and only where the whole pool is dead. Wall clock,
   * milliseconds; else 0.
   */
  readonly untilMs: number;
  /** True: nobody said when it works again, so that one request at `untilMs` is to find out. */
  readonly needsTrial: boolean;
  /** False: another sidecar says so, by way of a cache that nobody trusts. */
  readonly firsthand: boolean;
}

/** What a decision reads of it: a look-up in a table of this process. */
export interface HealthView {
  /** Undefined: unknown. */
  find(versionId: string): CredentialHealth | undefined;
}

/** One credential's health as sidecars tell it to each other. */
export interface SharedHealth {
  readonly versionId: string;
  readonly state: HealthState;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly needsTrial: boolean;
  /** A word for operators; bounded, not secret. */
  readonly reason: string;
  /** When it was seen last, by the clock of who saw it: the newest wins. */
  readonly atMs: number;
}

/** The place where sidecars leave each other what they learned. Anybody may have emptied it or put back an old state. */
export interface HealthBoard {
  /** Rejects where it cannot be reached; what is not genuine reads as empty. */
  read(): Promise<readonly SharedHealth[]>;
  write(entries: readonly SharedHealth[]): Promise<void>;
}
