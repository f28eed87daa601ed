import type { LlmUsage, PriceSpec } from './prices.ts';

/** Limits: how often something may be asked for within a window of time. What counts together is a counter. */

export const limitDimensions = ['consumer', 'group', 'token', 'upstream'] as const;
/** What each has a counter of its own. */
export type LimitDimension = (typeof limitDimensions)[number];

/** Into so many slots a window is cut, here and in a shared cache: what was counted leaves it a slot at a time. */
export const slotsPerWindow = 32;

/** Length of a slot, whole milliseconds. */
export function slotMsOf(windowMs: number): number {
  return Math.ceil(windowMs / slotsPerWindow);
}

export const limitMeasures = ['requests', 'llm_tokens', 'cost', 'concurrent'] as const;
/**
 * What a limit counts: requests when they are allowed; tokens of language models, or what they cost in micros, when the
 * gateway's log tells of them; requests that are under way, until the gateway's log tells of their end.
 */
export type LimitMeasure = (typeof limitMeasures)[number];

/** Whether the end of a request matters to what the limit counts. */
export function isSettledAtEnd({ measure }: Pick<LimitEntry, 'measure'>): boolean {
  return measure !== 'requests';
}

/** A limit, compiled; of one upstream's list. */
export interface LimitEntry {
  readonly id: string;
  /** Names its counters: limits that count alike (the same id, window and dimensions) go on with each other's. */
  readonly countedAs: string;
  /** Keys of the consumers it is for, as in a rule index: a consumer's id, `group:<g>`, `label:<k>=<v>`, `*`. */
  readonly subjects: ReadonlySet<string>;
  /** Labels beside the indexed one that the consumer must carry. */
  readonly labels: readonly (readonly [string, string])[];
  readonly per: readonly LimitDimension[];
  readonly measure: LimitMeasure;
  /** At most so many within {@link LimitEntry.windowMs}, or at once. */
  readonly most: number;
  /** 0 where requests under way are counted. */
  readonly windowMs: number;
  /** False: it is counted and reported, and denies nothing. */
  readonly enforced: boolean;
  /** What holds while the counters that sidecars share cannot be reached. */
  readonly onCacheLoss: CacheLoss;
}

/** `local`: this sidecar goes on with its share of before; `deny`, `allow`: everything. */
export type CacheLoss = 'local' | 'deny' | 'allow';

/** One unit that a request wants. */
export interface LimitUse {
  readonly limit: LimitEntry;
  /** Names the counter among those of the limit. */
  readonly counter: string;
}

/** Which limit refuses. */
export interface LimitRefusal {
  readonly limit: LimitEntry;
  /** When there may be room again; milliseconds. */
  readonly retryAfterMs: number;
  /** False: the shared counters cannot be reached, and the limit denies then. */
  readonly known: boolean;
}

/** How much of one counter is used. */
export interface LimitState extends LimitUse {
  /** Units (of cost micros) that count now. */
  readonly used: number;
  /** When the oldest of them no longer count; milliseconds; 0: none do. */
  readonly freesInMs: number;
  /** False: only what this sidecar counted, although others count, too. */
  readonly byAll: boolean;
}

/** Reads counters, and takes nothing. */
export interface LimitView {
  /** Never rejects. */
  look(uses: readonly LimitUse[]): Promise<readonly LimitState[]>;
}

export interface LimitedRequest {
  /** The gateway's own; empty: it sent none. */
  readonly id: string;
  /** When it was asked; monotonic, milliseconds. */
  readonly atMs: number;
  readonly upstreamId: string;
  /** What its tokens cost; empty: nothing. */
  readonly prices: readonly PriceSpec[];
}

/** Keeps the counters; synchronous unless sidecars share them and this one has nothing left of what it took ahead. */
export interface Limiter {
  /** Takes one unit of each, or none of any. Undefined: all have room. Never rejects. */
  take(
    uses: readonly LimitUse[],
    request: LimitedRequest,
  ): LimitRefusal | undefined | Promise<LimitRefusal | undefined>;
  /**
   * The gateway's log told of the end of a request; `usage` undefined: it does not say. False: this process knows of no such
   * request whose end matters.
   */
  settle(requestId: string, usage: LlmUsage | undefined): boolean;
}
