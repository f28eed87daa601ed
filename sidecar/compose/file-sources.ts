import type { Config } from '../config/config.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createFileSources, type FileSources } from '../resources/file-source.ts';
import type { Parsers } from '../resources/parsers.ts';
import { readBeside } from './stored-budgets.ts';

export interface ResourceFilesDeps {
  readonly store: Store;
  readonly parsers: Parsers;
  /** The store is gone with the process: every start applies every file. */
  readonly inMemory: boolean;
  readonly version: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** The resource files, wired to the store. Not loaded yet. */
export function createResourceFiles(config: Config, deps: ResourceFilesDeps): FileSources {
  const { store, parsers, inMemory, version, metrics, clock, log } = deps;
  return createFileSources(
    { ...config.resources, maxTtlMs: config.tokens.maxTtlMs, fingerprint: version },
    {
      apply: (chunks, options) => store.apply(chunks, options),
      parsers,
      besideOf: (owner) => readBeside(store, owner),
      ...(inMemory ? {} : { meta: { get: store.getMeta, set: store.setMeta } }),
      clock,
      log,
      onState: (source, { status }) => {
        metrics.setSource(source, status === 'applied' || status === 'unchanged');
      },
    },
  );
}
