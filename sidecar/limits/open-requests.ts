import type { LimitUse } from '../core/limit.ts';
import type { PriceSpec } from '../core/prices.ts';

/** A request whose end is waited for. */
export interface OpenRequest {
  /** Not the counters: one that counted nothing may have been forgotten before the end of a long request. */
  readonly owed: readonly LimitUse[];
  readonly upstreamId: string;
  /** Of its beginning. */
  readonly prices: readonly PriceSpec[];
}

export interface OpenRequests {
  add(id: string, request: OpenRequest): void;
  /** Undefined: it is not known, or was taken before. */
  take(id: string): OpenRequest | undefined;
}

/** In two generations of `max` each: the oldest are forgotten. */
export function createOpenRequests({ max }: { readonly max: number }): OpenRequests {
  let young = new Map<string, OpenRequest>();
  let old = young;
  return {
    add(id, request) {
      if (young.size >= max) {
        old = young;
        young = new Map();
      }
      young.set(id, request);
    },
    take(id) {
      const request = young.get(id) ?? old.get(id);
      young.delete(id);
      old.delete(id);
      return request;
    },
  };
}
