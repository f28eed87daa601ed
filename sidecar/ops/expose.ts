import { Counter, Gauge, type Metric, type Registry } from 'prom-client';
import type { SampleValue } from './buckets.ts';
import { metricDefinitions, type MetricName } from './metric-definitions.ts';

/** `fill` sets the values when scraped, from counts kept elsewhere. */
export function counter(registry: Registry, name: MetricName, fill?: (total: Counter) => void): Counter {
  return new Counter({
    ...described(registry, name),
    ...(fill && {
      collect() {
        this.reset();
        fill(this);
      },
    }),
  });
}

/** As `counter`, but what `fill` does not set stays as it was. */
export function gauge(registry: Registry, name: MetricName, fill?: (value: Gauge) => void): Gauge {
  return new Gauge({
    ...described(registry, name),
    ...(fill && {
      collect() {
        fill(this);
      },
    }),
  });
}

function described(registry: Registry, name: MetricName) {
  const { help, labels } = metricDefinitions[name];
  return { name, help, labelNames: [...labels], registers: [registry] };
}

/** The registry asks nothing of a metric but its name and `get()`; prom-client's own histogram costs ten times as much. */
export function exposeHistogram(
  registry: Registry,
  name: MetricName,
  values: (name: MetricName, labels: readonly string[]) => readonly SampleValue[],
): void {
  const { help, labels } = metricDefinitions[name];
  const metric = {
    name,
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: values(name, labels) }),
  };
  registry.registerMetric(metric as unknown as Metric);
}
