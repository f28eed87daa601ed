import type {
  LimitedRequest,
  LimitEntry,
  Limiter,
  LimitRefusal,
  LimitState,
  LimitUse,
  LimitView,
} from '../core/limit.ts';
import type { Cancel, Clock, SharedCounters, SharedPlaces } from '../core/ports.ts';
import { costOf, type LlmUsage } from '../core/prices.ts';
import { createBackground } from './background.ts';
import { createBudgetCounter } from './budget-counter.ts';
import { createConcurrencyCounter, endsSoonMs } from './concurrency-counter.ts';
import { createLocalCounter, type Charge, type Counter, type NoRoom } from './counter.ts';
import { createFleetTalk, type EndOutcome } from './fleet-talk.ts';
import { inSlices } from './in-slices.ts';
import { createLeasedCounter } from './leased-counter.ts';
import { createOpenRequests, type OpenRequest } from './open-requests.ts';
import { createPlaceCounter, type PlaceCounter } from './place-counter.ts';

export interface LimiterOptions {
  /** Counters kept at once, some 700 bytes each; beyond them the oldest begins anew. */
  readonly maxCounters: number;
  /** Requests whose end is waited for, some 200 bytes each; twice as many at most. */
  readonly maxOpenRequests: number;
  /** Places of requests under way of a sidecar that died come back after so long; milliseconds, at most a minute. */
  readonly placeLifeMs: number;
}

/** `alone`: allowed or not without the counters that sidecars share, which could not be reached. */
export type LimitOutcome = 'allowed' | 'exceeded' | 'warned' | 'unknown' | 'alone';

export interface LimiterDeps {
  /** Undefined: this process counts for itself, exactly. */
  readonly shared: SharedCounters | undefined;
  /** As `shared`, of requests under way. */
  readonly places: SharedPlaces | undefined;
  readonly isReachable: () => boolean;
  /** Names this process among those that share the counters. */
  readonly asker: string;
  /** The name of a counter among those of all sidecars that share them. */
  readonly keyOf: (countedAs: string, counter: string) => string;
  readonly clock: Clock;
  readonly observe: (limit: string, outcome: LimitOutcome) => void;
  /** A budget of cost was charged for a model that no price of the upstream fits. */
  readonly onUnpriced: (upstreamId: string, model: string | undefined) => void;
  /** Ends of requests that sidecars tell each other. */
  readonly observeEnds: (outcome: EndOutcome, count: number) => void;
}

interface Taken {
  readonly use: LimitUse;
  readonly counter: Counter;
}

/** What all sidecars together have used of a counter. */
type AskAll = (key: string) => Promise<Pick<LimitState, 'used' | 'freesInMs'>>;

export interface RunningLimiter extends Limiter, LimitView {
  /** The end of a request that {@link Limiter.settle} does not know: another sidecar may. Returns at once. */
  passOn(requestId: string, usage: LlmUsage | undefined): void;
  /** Gives back what it holds and no request has. */
  stop(): Promise<void>;
}

const tidyMs = 250;
/** Between two looks for counters that count nothing any more. */
const forgetMs = 10_000;
/** Looked after before a decision has its turn: some tenths of a millisecond. */
const countersInSlice = 1_000;
/** Of so many counters at once is told what no decision waits for: who looks up tokens uses the same connection. */
const backgroundAsks = 64;

/** All limits of this process. */
export function createLimiter(options: LimiterOptions, deps: LimiterDeps): RunningLimiter {
  const { shared, places, clock, observe } = deps;
  const families = new Map<string, Map<string, Counter>>();
  let counters = 0;
  const opened = createOpenRequests({ max: options.maxOpenRequests });
  let serial = 0;
  const placeCounters = new Map<string, PlaceCounter>();
  const background = createBackground(backgroundAsks);
  const talk =
    places === undefined
      ? undefined
      : createFleetTalk(
          { self: deps.asker },
          {
            places,
            isReachable: deps.isReachable,
            clock,
            onShort: (key) => placeCounters.get(key)?.onShort(clock.monotonic()),
            onEnd: ({ requestId, usage }) => settle(requestId, usage),
            observe: deps.observeEnds,
          },
        );

  function counterOf({ limit, counter }: LimitUse): Counter {
    const known = families.get(limit.countedAs)?.get(counter);
    if (known !== undefined) return known;
    // With a family's last counter the family goes, perhaps this one's.
    if (counters >= options.maxCounters) forgetOldest();
    const made = createCounter(limit, counter);
    const family = families.get(limit.countedAs) ?? new Map<string, Counter>();
    families.set(limit.countedAs, family.set(counter, made));
    counters += 1;
    return made;
  }

  function createCounter({ id, countedAs, measure, windowMs }: LimitEntry, counter: string): Counter {
    const key = deps.keyOf(countedAs, counter);
    if (measure === 'concurrent') return createUnderWayCounter(id, key);
    const named = { key, asker: deps.asker, windowMs };
    const parts = {
      isReachable: deps.isReachable,
      clock,
      background,
      nextSerial: () => ++serial,
      onLoss: () => observe(id, 'alone'),
    };
    if (measure === 'llm_tokens' || measure === 'cost') {
      const charges = measure === 'cost' ? 'costMicros' : 'llmTokens';
      return createBudgetCounter({ ...named, charges }, { ...parts, shared });
    }
    return shared === undefined ? createLocalCounter(windowMs) : createLeasedCounter(named, { ...parts, shared });
  }

  function createUnderWayCounter(limitId: string, key: string): Counter {
    if (places === undefined || talk === undefined) return createConcurrencyCounter();
    const { isReachable } = deps;
    const made = createPlaceCounter(
      { key, holder: deps.asker, lifeMs: options.placeLifeMs },
      { places, isReachable, clock, background, tellShort: talk.tellShort, onLoss: () => observe(limitId, 'alone') },
    );
    placeCounters.set(key, made);
    return made;
  }

  function forget(family: Map<string, Counter>, name: string, counter: string): void {
    const forgotten = family.get(counter);
    if (forgotten !== undefined && isOfPlaces(forgotten)) placeCounters.delete(forgotten.key);
    family.delete(counter);
    counters -= 1;
    if (family.size === 0) families.delete(name);
  }

  /** Remembers, until its end is told of, what a request that was allowed is to be settled with. */
  function open(request: LimitedRequest, taken: readonly Taken[]): void {
    const owed = taken.filter(({ counter }) => counter.settle !== undefined).map(({ use }) => use);
    if (owed.length === 0 || request.id === '') return;
    opened.add(request.id, { owed, upstreamId: request.upstreamId, prices: request.prices });
  }

  function chargeOf({ owed, upstreamId, prices }: OpenRequest, usage: LlmUsage): Charge {
    const llmTokens = usage.promptTokens + usage.completionTokens;
    if (!owed.some(({ limit }) => limit.measure === 'cost')) return { llmTokens, costMicros: 0 };
    const { micros, priced } = costOf(prices, usage);
    if (!priced && llmTokens > 0) deps.onUnpriced(upstreamId, usage.model);
    return { llmTokens, costMicros: micros };
  }

  function forgetOldest(): void {
    for (const [name, family] of families) {
      for (const counter of family.keys()) {
        forget(family, name, counter);
        return;
      }
    }
  }

  function* tidy(): Generator<undefined, void> {
    let nowMs = clock.monotonic();
    let done = 0;
    for (const family of families.values()) {
      for (const counter of family.values()) {
        counter.tidy(nowMs);
        if (++done % countersInSlice !== 0) continue;
        yield;
        nowMs = clock.monotonic();
      }
    }
  }

  function* forgetIdle(): Generator<undefined, void> {
    let nowMs = clock.monotonic();
    let done = 0;
    for (const [name, family] of families) {
      for (const [key, counter] of family) {
        if (counter.isIdle(nowMs)) forget(family, name, key);
        if (++done % countersInSlice !== 0) continue;
        yield;
        nowMs = clock.monotonic();
      }
    }
  }

  /** What follows on the answer of one counter: a refusal, or undefined and the unit among those taken. */
  function judge(use: LimitUse, counter: Counter, noRoom: NoRoom | undefined, taken: Taken[], request: LimitedRequest) {
    const { limit } = use;
    if (noRoom === undefined) {
      taken.push({ use, counter });
      observe(limit.id, 'allowed');
      return undefined;
    }
    if (!limit.enforced) {
      observe(limit.id, 'warned');
      // It goes on all the same, and what it takes is to be seen.
      if (limit.measure === 'cost' || limit.measure === 'llm_tokens') taken.push({ use, counter });
      return undefined;
    }
    observe(limit.id, noRoom.known ? 'exceeded' : 'unknown');
    for (const other of taken) other.counter.undo(request);
    return { limit, ...noRoom };
  }

  async function takeRest(
    uses: readonly LimitUse[],
    from: number,
    first: Promise<NoRoom | undefined>,
    taken: Taken[],
    request: LimitedRequest,
  ): Promise<LimitRefusal | undefined> {
    for (let at = from; at < uses.length; at++) {
      const use = uses[at];
      if (use === undefined) continue;
      const counter = counterOf(use);
      const now = { ...request, atMs: clock.monotonic() };
      const noRoom = await (at === from ? first : counter.take(use.limit, now));
      const refusal = judge(use, counter, noRoom, taken, { ...request, atMs: clock.monotonic() });
      if (refusal !== undefined) return refusal;
    }
    open(request, taken);
    return undefined;
  }

  async function lookAt({ limit, counter }: LimitUse): Promise<LimitState> {
    const known = families.get(limit.countedAs)?.get(counter)?.look(clock.monotonic());
    const { used, freesInMs, unshared } = known ?? { used: 0, freesInMs: 0, unshared: 0 };
    const here = { limit, counter, used, freesInMs };
    const askAll = limit.measure === 'concurrent' ? lookElsewhere(used) : lookAtWindow(limit, unshared);
    if (askAll === undefined) return { ...here, byAll: true };
    if (!deps.isReachable()) return { ...here, byAll: false };
    try {
      return { ...here, ...(await askAll(deps.keyOf(limit.countedAs, counter))), byAll: true };
    } catch {
      return { ...here, byAll: false };
    }
  }

  /** An ask for no units is answered with what all have used. */
  function lookAtWindow({ most, windowMs }: LimitEntry, unshared: number): AskAll | undefined {
    if (shared === undefined) return undefined;
    const nothing = { limit: most, windowMs, units: 0, spent: 0, asker: `${deps.asker}.look` };
    return async (key) => {
      const all = await shared.lease(key, { ...nothing, serial: ++serial });
      const used = Math.max(0, all.used + unshared);
      return { used, freesInMs: used === 0 ? 0 : all.retryAfterMs };
    };
  }

  function lookElsewhere(usedHere: number): AskAll | undefined {
    if (places === undefined) return undefined;
    return async (key) => {
      const used = usedHere + (await places.look(key, deps.asker)).underWay;
      return { used, freesInMs: used === 0 ? 0 : endsSoonMs };
    };
  }

  function settle(requestId: string, usage: LlmUsage | undefined): boolean {
    const request = opened.take(requestId);
    if (request === undefined) return false;
    const charge = usage === undefined ? undefined : chargeOf(request, usage);
    for (const use of request.owed) counterOf(use).settle?.(requestId, charge, clock.monotonic());
    return true;
  }

  const tidying = inSlices(clock, tidy);
  const forgetting = inSlices(clock, forgetIdle);
  const cancels: readonly Cancel[] = [
    clock.every(tidyMs, tidying.run),
    clock.every(forgetMs, forgetting.run),
    tidying.stop,
    forgetting.stop,
  ];

  return {
    take(uses, request) {
      const taken: Taken[] = [];
      for (const [at, use] of uses.entries()) {
        const counter = counterOf(use);
        const noRoom = counter.take(use.limit, request);
        if (noRoom instanceof Promise) return takeRest(uses, at, noRoom, taken, request);
        const refusal = judge(use, counter, noRoom, taken, request);
        if (refusal !== undefined) return refusal;
      }
      open(request, taken);
      return undefined;
    },
    settle,
    passOn: (requestId, usage) => talk?.tellEnd(requestId, usage),
    look: (uses) => Promise.all(uses.map(lookAt)),
    async stop() {
      for (const cancel of cancels) cancel();
      await talk?.stop();
      // From one iterator, several at once: of all at once the connection would refuse most.
      const counted = placeCounters.values();
      const closeRest = async (): Promise<void> => {
        for (const counter of counted) await counter.close();
      };
      await Promise.all(Array.from({ length: backgroundAsks }, closeRest));
    },
  };
}

const isOfPlaces = (counter: Counter): counter is PlaceCounter => 'onShort' in counter;
