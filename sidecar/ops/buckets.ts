/** A histogram by one label, filled without garbage; exposed in the shape that prom-client's registry prints. */

export interface Buckets {
  /** `label` beyond 100 different values counts as `other`. */
  observe(label: string, seconds: number): void;
  values(name: string, labelName: string): readonly SampleValue[];
}

export interface SampleValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Row {
  /** Not cumulative; the last one is +Inf. */
  readonly counts: Float64Array;
  sum: number;
}

const maxLabels = 100;

/** Upper bounds in seconds, 25 µs to 1 s: a warm decision takes microseconds, a cold one a store's answer. */
export const bucketBounds = [
  0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

export function createBuckets(): Buckets {
  const rows = new Map<string, Row>();

  function rowOf(label: string): Row {
    const name = rows.size < maxLabels ? label : 'other';
    const known = rows.get(name);
    if (known !== undefined) return known;
    const row: Row = { counts: new Float64Array(bucketBounds.length + 1), sum: 0 };
    rows.set(name, row);
    return row;
  }

  return {
    observe(label, seconds) {
      const row = rows.get(label) ?? rowOf(label);
      let at = 0;
      // Linear on purpose: nearly every observation ends in the first few.
      while (at < bucketBounds.length && seconds > (bucketBounds[at] ?? Infinity)) at++;
      row.counts[at] = (row.counts[at] ?? 0) + 1;
      row.sum += seconds;
    },
    values(name, labelName) {
      return [...rows].flatMap(([label, row]) => samplesOf(name, { [labelName]: label }, row));
    },
  };
}

function samplesOf(name: string, labels: Readonly<Record<string, string>>, row: Row): readonly SampleValue[] {
  const samples: SampleValue[] = [];
  let total = 0;
  for (const [at, count] of row.counts.entries()) {
    total += count;
    samples.push({
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bucketBounds[at] ?? '+Inf' },
      value: total,
    });
  }
  samples.push({ metricName: `${name}_sum`, labels, value: row.sum });
  samples.push({ metricName: `${name}_count`, labels, value: total });
  return samples;
}
