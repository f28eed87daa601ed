import { randomBytes } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import type { Change, ChangePage, Clock, Store, StoreHistory, StoreIdentity } from '../core/ports.ts';
import type { Freshness } from './freshness.ts';
import { timedOut, within } from './within.ts';

/** Why what was known of the store had to be thrown away. */
export type ResetReason = 'store_changed' | 'epoch_changed' | 'timeline_changed' | 'revision_went_back' | 'log_gap';

/** The store that is followed. */
export interface FollowedStore extends StoreHistory {
  /**
   * Part of the keys in the shared cache: the history that the store's server writes, where it tells; and, once the store
   * went back without a new epoch or history, a name that only this process knows. What others cached of commits that
   * were lost carries revisions that mean something else now.
   */
  readonly fork: string;
}

/** Reads the store's change log into the freshness index, page by page. */
export interface ChangeReader {
  /** The first read: which store is it, and what was touched lately. */
  begin(): Promise<void>;
  /** Before it: what is known is of this store at this revision, whether or not the store can be read. */
  assume(known: StoreHistory): void;
  /** Reads until nothing is left. */
  catchUp(): Promise<void>;
  readonly identity: () => FollowedStore;
  /** Monotonic time at which the last complete read was asked for; -Infinity before the first. */
  readonly lastReadAtMs: () => number;
}

export interface ChangeReaderOptions {
  /** Changes to ask for at once. */
  readonly pageSize: number;
  /** Longest wait for one page, milliseconds. */
  readonly readTimeoutMs: number;
  /** Revisions before the store's newest to learn at the start: entries of a shared cache from before are not used. */
  readonly warmRevisions: number;
}

export interface ChangeReaderDeps {
  readonly store: Pick<Store, 'identity' | 'changesSince'>;
  readonly freshness: Freshness;
  readonly clock: Clock;
  /** Changes of resources (not of tokens), in revision order, after they were applied. */
  readonly onResourceChanges: (changes: readonly Change[]) => void;
  /** Changes that were made a while ago, in milliseconds, by the store's clock, and are known here from now on. */
  readonly onKnown?: (ageMs: number) => void;
  /** Everything must be read anew; the index has been reset. */
  readonly onReset: (reason: ResetReason, identity: StoreIdentity) => void;
}

const brokenLog = (): CredentialFlowError =>
  new CredentialFlowError('store_failed', 'The change log of the store broke off while it was read.');

export function createChangeReader(options: ChangeReaderOptions, deps: ChangeReaderDeps): ChangeReader {
  const { store, freshness, clock } = deps;
  let identity: FollowedStore = { storeId: '', epoch: 0, revision: 0, fork: '' };
  let own = '';
  /** Of the last page. */
  let timeline: string | undefined;
  let lastReadAtMs = Number.NEGATIVE_INFINITY;

  async function bounded<T>(work: Promise<T>): Promise<T> {
    const result = await within(clock, options.readTimeoutMs, work);
    if (result === timedOut) throw new CredentialFlowError('store_failed', 'The store did not answer in time.');
    return result;
  }

  const readPage = (since: number): Promise<ChangePage> => bounded(store.changesSince(since, options.pageSize));

  function reasonToReset(page: ChangePage): ResetReason | undefined {
    if (page.storeId !== identity.storeId) return 'store_changed';
    if (page.epoch !== identity.epoch) return 'epoch_changed';
    // A fail-over may have lost commits, and passed their revisions again since the last look.
    if (timeline !== undefined && page.timeline !== timeline) return 'timeline_changed';
    if (page.revision < freshness.applied()) return 'revision_went_back';
    if (page.logFloor > freshness.applied()) return 'log_gap';
    return undefined;
  }

  function take(page: ChangePage, reason?: ResetReason): void {
    const { storeId, epoch, revision } = page;
    if (page.timeline !== timeline || identity.storeId !== storeId || identity.epoch !== epoch) own = '';
    if (reason === 'revision_went_back') own = `-${randomBytes(8).toString('hex')}`;
    timeline = page.timeline;
    identity = { storeId, epoch, revision, timeline, fork: forkOf(timeline) + own };
  }

  /** Applies one page; true: there is more. */
  function apply(page: ChangePage, askedAt: number): boolean {
    const before = freshness.applied();
    freshness.apply(page.changes, page.completeTo);
    take(page);
    if (page.oldestAgeMs !== undefined) deps.onKnown?.(page.oldestAgeMs + clock.monotonic() - askedAt);
    const resources = page.changes.filter(({ kind }) => kind !== 'token');
    if (resources.length > 0) deps.onResourceChanges(resources);
    if (page.completeTo >= page.revision) return false;
    if (page.completeTo > before) return true;
    throw brokenLog();
  }

  async function begin(): Promise<void> {
    const { revision } = await bounded(store.identity());
    let since = Math.max(0, revision - options.warmRevisions);
    let askedAt = clock.monotonic();
    let page = await readPage(since);
    if (page.logFloor > since) {
      since = page.logFloor;
      askedAt = clock.monotonic();
      page = await readPage(since);
    }
    const pages = [page];
    while (page.completeTo < page.revision) {
      askedAt = clock.monotonic();
      const following = await readPage(page.completeTo);
      const isSameStore = following.storeId === page.storeId && following.epoch === page.epoch;
      if (!isSameStore || following.completeTo <= page.completeTo) throw brokenLog();
      pages.push(following);
      page = following;
    }
    // In one turn: an index that knows only half of the log must not judge anything.
    freshness.reset(since);
    for (const { changes, completeTo } of pages) freshness.apply(changes, completeTo);
    take(page);
    lastReadAtMs = askedAt;
  }

  async function catchUp(): Promise<void> {
    while (true) {
      const askedAt = clock.monotonic();
      const page = await readPage(freshness.applied());
      const reason = reasonToReset(page);
      if (reason !== undefined) {
        // The index and the identity change in one turn: a look-up sees both or neither.
        freshness.reset(page.revision);
        take(page, reason);
        lastReadAtMs = askedAt;
        deps.onReset(reason, identity);
        return;
      }
      if (!apply(page, askedAt)) {
        // What was asked for then is what is known: the wait for the answer counts as age.
        lastReadAtMs = askedAt;
        return;
      }
    }
  }

  function assume({ storeId, epoch, revision, ...known }: StoreHistory): void {
    freshness.reset(revision);
    own = '';
    timeline = known.timeline;
    identity = { storeId, epoch, revision, timeline, fork: forkOf(timeline) };
  }

  return { begin, assume, catchUp, identity: () => identity, lastReadAtMs: () => lastReadAtMs };
}

function forkOf(timeline: string | undefined): string {
  return timeline === undefined ? '' : `@${timeline}`;
}
