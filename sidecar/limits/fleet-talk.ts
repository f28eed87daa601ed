import type { Cancel, Clock, SharedPlaces } from '../core/ports.ts';
import type { LlmUsage } from '../core/prices.ts';
import { readWord, writeEnd, writeEnds, writeShort, type End } from './fleet-words.ts';

/** `told`: to the other sidecars; `taken`: of what they told, a request of this one; `lost`: not told. */
export type EndOutcome = 'told' | 'taken' | 'lost';

export interface FleetTalkDeps {
  readonly places: Pick<SharedPlaces, 'tell' | 'onTold'>;
  readonly isReachable: () => boolean;
  readonly clock: Clock;
  readonly onShort: (key: string) => void;
  /** False: it is no request of this sidecar. */
  readonly onEnd: (end: End) => boolean;
  readonly observe: (outcome: EndOutcome, count: number) => void;
}

/** What sidecars tell each other of limits. Messages may get lost: an end is then taken for one after ten minutes. */
export interface FleetTalk {
  tellShort(key: string): void;
  /** Of a request that another sidecar decided on; returns at once. */
  tellEnd(requestId: string, usage: LlmUsage | undefined): void;
  /** Tells what waits. Never rejects. */
  stop(): Promise<void>;
}

/** Ends are gathered for so long; milliseconds. */
const gatherMs = 100;
/** While nobody can be told; milliseconds. */
const waitMs = 1_000;
/** Ends that wait, some 100 bytes each; beyond them new ones are lost. */
const maxWaiting = 20_000;
const maxMessageLength = 16_384;
/** Counters that others are told of within {@link gatherMs}. */
const maxShort = 50;

export function createFleetTalk({ self }: { readonly self: string }, deps: FleetTalkDeps): FleetTalk {
  const { places, clock, observe } = deps;
  let ends: string[] = [];
  let cancelFlush: Cancel | undefined;
  let short = { sinceMs: 0, told: 0 };

  const forget = places.onTold((message) => {
    const word = readWord(message);
    if (word === undefined || word.from === self) return;
    if (word.kind === 'short') deps.onShort(word.key);
    else {
      const taken = word.ends.filter(deps.onEnd).length;
      if (taken > 0) observe('taken', taken);
    }
  });

  function flushAfter(ms: number): void {
    cancelFlush ??= clock.after(ms, () => {
      cancelFlush = undefined;
      void flush();
    });
  }

  async function flush(): Promise<void> {
    if (!deps.isReachable()) {
      flushAfter(waitMs);
      return;
    }
    const telling = ends;
    ends = [];
    await Promise.all(inMessages(telling).map(tellEnds));
  }

  async function tellEnds(written: readonly string[]): Promise<void> {
    try {
      await places.tell(writeEnds(self, written));
      observe('told', written.length);
    } catch {
      // Twice does no harm.
      for (const end of written) add(end);
      if (ends.length > 0) flushAfter(waitMs);
    }
  }

  function add(end: string): void {
    if (ends.length < maxWaiting) ends.push(end);
    else observe('lost', 1);
  }

  return {
    tellShort(key) {
      const nowMs = clock.monotonic();
      if (nowMs - short.sinceMs >= gatherMs) short = { sinceMs: nowMs, told: 0 };
      if (short.told++ < maxShort) places.tell(writeShort(self, key)).catch(() => undefined);
    },
    tellEnd(requestId, usage) {
      add(writeEnd({ requestId, usage }));
      flushAfter(gatherMs);
    },
    async stop() {
      forget();
      cancelFlush?.();
      if (deps.isReachable()) await flush();
      cancelFlush?.();
    },
  };
}

function inMessages(ends: readonly string[]): readonly (readonly string[])[] {
  const messages: string[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const end of ends) {
    if (length + end.length > maxMessageLength) {
      messages.push([]);
      length = 0;
    }
    messages.at(-1)?.push(end);
    length += end.length + 1;
  }
  return messages;
}
