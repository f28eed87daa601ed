import type { CacheLoss, LimitEntry, LimitMeasure } from '../../sidecar/core/limit.ts';

/** A limit of everybody, by consumer, in a minute. */
export const limitOf = (measure: LimitMeasure, most: number, onCacheLoss: CacheLoss = 'local'): LimitEntry => ({
  id: measure,
  countedAs: measure,
  subjects: new Set(['*']),
  labels: [],
  per: ['consumer'],
  measure,
  most,
  windowMs: measure === 'concurrent' ? 0 : 60_000,
  enforced: true,
  onCacheLoss,
});
