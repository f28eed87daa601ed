/**
 * Told of every tier that a look-up asked. `rejected`: of L1 a token that we cannot have issued, of the cache a value
 * that did not open. `stale`: known, but no longer to be used. The duration is of a question that was asked of somebody: L1 has
 * none.
 */
export type Observe = (
  tier: 'l1' | 'cache' | 'store',
  outcome: 'hit' | 'miss' | 'negative' | 'stale' | 'rejected' | 'error' | 'timeout',
  durationMs?: number,
) => void;
