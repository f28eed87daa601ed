/** Figures of small noisy samples. All take non-empty arrays and leave them as they are. */

export type Interval = readonly [low: number, high: number];

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the neighbours. `q` from 0 to 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** How much a yardstick moved: the span of its middle four fifths, as a share of its median. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.9) - quantile(values, 0.1)) / median(values);
}

/** 95 % interval of the median, by 2,000 resamples; the same every time for the same values. */
export function bootstrapMedian(values: readonly number[]): Interval {
  const random = createRandom(values.length);
  const medians: number[] = [];
  for (let round = 0; round < 2_000; round++) {
    medians.push(median(values.map(() => values[Math.floor(random() * values.length)] ?? NaN)));
  }
  return [quantile(medians, 0.025), quantile(medians, 0.975)];
}

/** mulberry32: enough for resampling, and repeatable. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
