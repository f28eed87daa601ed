import type { DenialCode } from '../../core/codes.ts';
import { CredentialFlowError } from '../../core/error.ts';
import type { Cancel, Clock, Log } from '../../core/ports.ts';
import type { LoadedKeys } from './load-keys.ts';
import type { VerificationKey } from './verification-keys.ts';

/** The keys of one issuer, read ahead of need and kept while the issuer does not answer. */
export interface IssuerKeys {
  /** Those that may have signed such a token. Synchronous where one is known. */
  find(token: WantedKey): FoundKeys | Promise<FoundKeys>;
  report(): IssuerKeysReport;
  stop(): void;
}

export interface WantedKey {
  readonly alg: string;
  readonly kid: string | undefined;
}

export type FoundKeys = readonly VerificationKey[] | { readonly deny: DenialCode; readonly retryAfterMs?: number };

export interface IssuerKeysReport {
  readonly keys: number;
  /** Since the last successful read; Infinity: there was none. */
  readonly ageMs: number;
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
}

export interface IssuerKeysDeps {
  /** Rejects with the reason, fit for the log. */
  readonly load: () => Promise<LoadedKeys>;
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: (outcome: 'read' | 'failed') => void;
}

/** How long keys are used after the issuer was last heard. */
export const maxKeyAgeMs = 24 * 3_600_000;
/** What a decision waits for keys at most. */
const waitMs = 600;
/** Keys are read again when this part of their time is over. */
const aheadOfExpiry = 0.75;
/** Reads that unknown keys may ask for: so many at once, then one each ten seconds. */
const unknownKeyReads = { burst: 3, everyMs: 10_000 } as const;
const backoff = { firstMs: 1_000, maxMs: 60_000 } as const;
/** Keys of one name that are tried; a token without a name fits all. */
const maxCandidates = 4;

export function createIssuerKeys(issuerId: string, deps: IssuerKeysDeps): IssuerKeys {
  const { clock, log } = deps;
  let keys: readonly VerificationKey[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let problem: string | undefined = 'not read yet';
  let failures = 0;
  /** Not asked before, after a failure. */
  let askAgainAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<void> | undefined;
  let cancel: Cancel = () => undefined;
  let stopped = false;
  let allowance: number = unknownKeyReads.burst;
  let allowanceAt = clock.monotonic();

  async function read(): Promise<void> {
    const askedAt = clock.monotonic();
    try {
      const { keys: loaded, freshForMs } = await deps.load();
      take(loaded);
      readAt = askedAt;
      if (failures > 0) log.info('issuer_keys_available', { issuer: issuerId, keys: loaded.length });
      failures = 0;
      problem = undefined;
      askAgainAt = Number.NEGATIVE_INFINITY;
      deps.observe('read');
      readLater(freshForMs * aheadOfExpiry);
    } catch (error) {
      const told = error instanceof CredentialFlowError ? error.message : 'the keys could not be read';
      if (told !== problem) log.warn('issuer_keys_unavailable', { issuer: issuerId, problem: told });
      problem = told;
      const pauseMs = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures, 10));
      failures += 1;
      askAgainAt = clock.monotonic() + pauseMs;
      deps.observe('failed');
      readLater(pauseMs);
    }
  }

  /** A key that is still there stays the same one, and so does what was verified with it. */
  function take(loaded: readonly VerificationKey[]): void {
    const known = new Map(keys.map((key) => [key.identity, key]));
    const next = loaded.map((key) => known.get(key.identity) ?? key);
    for (const key of keys) if (!next.includes(key)) key.live = false;
    keys = next;
  }

  function readLater(ms: number): void {
    cancel();
    if (!stopped && Number.isFinite(ms)) cancel = clock.after(ms, () => void refresh());
  }

  function refresh(): Promise<void> {
    flight ??= read().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  function matching({ alg, kid }: WantedKey): readonly VerificationKey[] {
    if (clock.monotonic() - readAt > maxKeyAgeMs) return [];
    const fits = keys.filter(
      (key) => key.byAlgorithm.has(alg) && (kid === undefined || key.kid === undefined || key.kid === kid),
    );
    return fits.slice(0, maxCandidates);
  }

  /** Whether an unknown key is worth a read: who invents names must not make us ask the issuer each time. */
  function mayRead(): boolean {
    const now = clock.monotonic();
    if (now < askAgainAt) return false;
    if (readAt === Number.NEGATIVE_INFINITY) return true;
    allowance = Math.min(unknownKeyReads.burst, allowance + (now - allowanceAt) / unknownKeyReads.everyMs);
    allowanceAt = now;
    if (allowance < 1) return false;
    allowance -= 1;
    return true;
  }

  function notFound(): FoundKeys {
    if (problem === undefined) return { deny: 'token_key_unknown' };
    return { deny: 'issuer_unavailable', retryAfterMs: Math.max(1_000, askAgainAt - clock.monotonic()) };
  }

  async function readAndFind(wanted: WantedKey): Promise<FoundKeys> {
    const endsAt = clock.monotonic() + waitMs;
    // What was under way when the token came may have been answered before its key was published: once more.
    const attempts = flight === undefined ? 1 : 2;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (attempt > 1 && !mayRead()) break;
      if (!(await settles(refresh(), endsAt - clock.monotonic()))) {
        return { deny: 'issuer_unavailable', retryAfterMs: 1_000 };
      }
      const found = matching(wanted);
      if (found.length > 0) return found;
    }
    return notFound();
  }

  async function settles(work: Promise<void>, ms: number): Promise<boolean> {
    const late = Promise.withResolvers<boolean>();
    const cancelLate = clock.after(Math.max(0, ms), () => {
      late.resolve(false);
    });
    const settled = await Promise.race([work.then(() => true), late.promise]);
    cancelLate();
    return settled;
  }

  void refresh();
  return {
    find(wanted) {
      const found = matching(wanted);
      if (found.length > 0) return found;
      return flight !== undefined || mayRead() ? readAndFind(wanted) : notFound();
    },
    report: () => ({ keys: keys.length, ageMs: clock.monotonic() - readAt, problem }),
    stop() {
      stopped = true;
      cancel();
    },
  };
}
