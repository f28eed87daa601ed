import { CredentialFlowError } from '../core/error.ts';
import type { Cache, Clock, Log } from '../core/ports.ts';

export interface CacheOptions {
  /** Longest wait for one answer, milliseconds. Default 50. */
  readonly timeoutMs?: number;
  /** Hints of one store do not reach the sidecars of another on the same server. Default: none. */
  readonly storeId?: string;
}

export interface CacheDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** One kind of cache. `url` begins with one of its schemes. */
export type CacheKind = (url: string, options: CacheOptions, deps: CacheDeps) => Promise<Cache>;

/** Longest value, bytes: what decides anything is a few hundred; more than this is not ours. */
export const maxValueBytes = 65_536;

export const cacheFailed = (detail: string): CredentialFlowError => new CredentialFlowError('cache_failed', detail);

/** Refuses what no cache takes. */
export function checkValue(value: string, ttlMs: number): void {
  if (value === '' || Buffer.byteLength(value) > maxValueBytes) {
    throw cacheFailed(`A cached value has 1 to ${maxValueBytes} bytes.`);
  }
  if (!(ttlMs > 0)) throw cacheFailed('A cached value needs a time to live above 0.');
}
