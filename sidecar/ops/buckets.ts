/** Histograms filled without garbage; exposed in the shape that prom-client's registry prints. */

export interface SampleValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** One line of a histogram: without labels of its own. */
export interface Distribution {
  observe(seconds: number): void;
  /** Nothing where nothing was observed. */
  values(name: string, labels: Readonly<Record<string, string>>): readonly SampleValue[];
}

/** A histogram by one label. */
export interface Buckets {
  /** `label` beyond 100 different values counts as `other`. */
  observe(label: string, seconds: number): void;
  values(name: string, labelName: string): readonly SampleValue[];
}

const maxLabels = 100;

/** Upper bounds in seconds, 25 µs to 1 s: a warm decision takes microseconds, a cold one a store's answer. */
const decisionBounds = [
  0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

/** 10 ms to 5 minutes: a model may think for long, and a gateway may batch for a minute. */
export const upstreamBounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const;

/** `bounds`: upper ones, in seconds, ascending. */
export function createDistribution(bounds: readonly number[]): Distribution {
  /** Not cumulative; the last one is +Inf. */
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;

  return {
    observe(seconds) {
      let at = 0;
      // Linear on purpose: nearly every observation ends in the first few.
      while (at < bounds.length && seconds > (bounds[at] ?? Infinity)) at++;
      counts[at] = (counts[at] ?? 0) + 1;
      sum += seconds;
    },
    values(name, labels) {
      const samples: SampleValue[] = [];
      let total = 0;
      for (const [at, count] of counts.entries()) {
        total += count;
        samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bounds[at] ?? '+Inf' }, value: total });
      }
      if (total === 0) return [];
      samples.push({ metricName: `${name}_sum`, labels, value: sum });
      samples.push({ metricName: `${name}_count`, labels, value: total });
      return samples;
    },
  };
}

export function createBuckets(): Buckets {
  const rows = new Map<string, Distribution>();

  function rowOf(label: string): Distribution {
    const name = rows.size < maxLabels ? label : 'other';
    const known = rows.get(name);
    if (known !== undefined) return known;
    const row = createDistribution(decisionBounds);
    rows.set(name, row);
    return row;
  }

  return {
    observe(label, seconds) {
      (rows.get(label) ?? rowOf(label)).observe(seconds);
    },
    values(name, labelName) {
      return [...rows].flatMap(([label, row]) => row.values(name, { [labelName]: label }));
    },
  };
}
