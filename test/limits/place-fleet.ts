/** Sidecars of one process that share places: through a double of Redis on a fake clock, or through a real one. */
import type { CacheLoss, LimitEntry, LimitRefusal } from '../../sidecar/core/limit.ts';
import type { Clock, SharedPlaces } from '../../sidecar/core/ports.ts';
import { createLimiter, type LimitOutcome, type RunningLimiter } from '../../sidecar/limits/limiter.ts';
import type { EndOutcome } from '../../sidecar/limits/fleet-talk.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { limitOf } from './limit-entry.ts';

export const atOnce = (most: number, onCacheLoss: CacheLoss = 'local'): LimitEntry =>
  limitOf('concurrent', most, onCacheLoss);

export interface Sidecar {
  readonly limiter: RunningLimiter;
  readonly state: { reachable: boolean };
  readonly outcomes: LimitOutcome[];
  readonly ends: Record<EndOutcome, number>;
  /** Ids of the requests that were allowed and have not ended. */
  readonly underWay: Set<string>;
  take(limit: LimitEntry): (LimitRefusal | undefined) | Promise<LimitRefusal | undefined>;
  end(id?: string): void;
}

export interface SidecarOptions {
  readonly name: string;
  readonly places: SharedPlaces;
  readonly clock: Clock;
  readonly placeLifeMs?: number;
  readonly isReachable?: () => boolean;
}

export function createSidecar({ name, places, clock, placeLifeMs = 15_000, isReachable }: SidecarOptions): Sidecar {
  const state = { reachable: true };
  const outcomes: LimitOutcome[] = [];
  const ends = { told: 0, taken: 0, lost: 0 };
  const underWay = new Set<string>();
  const limiter = createLimiter(
    { maxCounters: 100, maxOpenRequests: 10_000, placeLifeMs },
    {
      shared: undefined,
      places,
      isReachable: () => state.reachable && (isReachable?.() ?? true),
      asker: name,
      keyOf: (...names) => names.join(),
      clock,
      observe: (_limit, outcome) => outcomes.push(outcome),
      onUnpriced: () => undefined,
      observeEnds: (outcome, count) => (ends[outcome] += count),
    },
  );
  let requests = 0;
  return {
    limiter,
    state,
    outcomes,
    ends,
    underWay,
    take(limit) {
      const id = `${name}-${++requests}`;
      const note = (refusal: LimitRefusal | undefined): LimitRefusal | undefined => {
        if (refusal === undefined) underWay.add(id);
        return refusal;
      };
      const request = { id, atMs: clock.monotonic(), upstreamId: 'api', prices: [] };
      const answer = limiter.take([{ limit, counter: 'team' }], request);
      return answer instanceof Promise ? answer.then(note) : note(answer);
    },
    end(id = [...underWay][0] ?? '') {
      underWay.delete(id);
      limiter.settle(id, undefined);
    },
  };
}

interface Held {
  readonly held: number;
  readonly underWay: number;
  readonly untilMs: number;
}

export interface PlaceFleet {
  readonly clock: FakeClock;
  /** Holder → what it holds, of the one counter. */
  readonly records: Map<string, Held>;
  readonly asked: { holds: number; told: string[] };
  /** `lost`: done, and the answer is lost. */
  readonly link: { state: 'up' | 'away' | 'lost' };
  sidecar(name: string): Sidecar;
  /** Lets time pass, and all that happens meanwhile happen. */
  pass(ms: number): Promise<void>;
  /** The answer to a request for a place, while time passes. */
  ask(sidecar: Sidecar, limit: LimitEntry): Promise<LimitRefusal | undefined>;
  tell(message: string): void;
}

/** As redis-places.ts does it. */
export function createPlaceFleet(): PlaceFleet {
  const clock = createFakeClock();
  const records = new Map<string, Held>();
  const listeners = new Set<(message: string) => void>();
  const asked = { holds: 0, told: [] as string[] };
  const link: PlaceFleet['link'] = { state: 'up' };

  const elsewhere = (holder: string): { held: number; underWay: number } => {
    let [held, underWay] = [0, 0];
    for (const [name, record] of records) {
      if (name === holder || record.untilMs <= clock.monotonic()) continue;
      held += record.held;
      underWay += record.underWay;
    }
    return { held, underWay };
  };
  const places: SharedPlaces = {
    async hold(_key, { holder, limit, underWay, waiting, kept, ahead, lifeMs }) {
      asked.holds += 1;
      if (link.state === 'away') throw new Error('away');
      const others = elsewhere(holder);
      const left = Math.max(0, limit - others.held - underWay);
      const needed = Math.min(waiting, left);
      const spare = Math.min(kept, left - needed);
      const held = underWay + needed + spare + Math.min(ahead, Math.floor((left - needed - spare) / 8));
      if (held === 0) records.delete(holder);
      else records.set(holder, { held, underWay: underWay + needed, untilMs: clock.monotonic() + lifeMs });
      if (link.state === 'lost') throw new Error('too late');
      return { held, elsewhere: others };
    },
    async look(_key, holder) {
      if (link.state === 'away') throw new Error('away');
      return elsewhere(holder);
    },
    async tell(message) {
      if (link.state !== 'up') throw new Error('away');
      asked.told.push(message);
      for (const listener of listeners) listener(message);
    },
    onTold(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  return {
    clock,
    records,
    asked,
    link,
    sidecar: (name) => createSidecar({ name, places, clock, isReachable: () => link.state !== 'away' }),
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += Math.min(250, ms)) {
        clock.advance(Math.min(250, ms));
        await turn();
      }
    },
    async ask(sidecar, limit) {
      const heard: { answer?: readonly [LimitRefusal | undefined] } = {};
      void Promise.resolve(sidecar.take(limit)).then((refusal) => (heard.answer = [refusal]));
      for (let ms = 0; ms <= 20; ms++) {
        await turn();
        if (heard.answer !== undefined) return heard.answer[0];
        clock.advance(1);
      }
      throw new Error('no answer within 20 ms');
    },
    tell: (message) => {
      for (const listener of listeners) listener(message);
    },
  };
}
