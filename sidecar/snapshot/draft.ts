import type { Table } from '../core/table.ts';
import type { Pace } from './pace.ts';

/** A table in the making: the one before it, and what is to be different. The one before it stays as it is. */
export interface Draft<V> {
  get(key: string): V | undefined;
  /** Undefined removes the key. */
  set(key: string, value: V | undefined): void;
  /** The new table; the very one before it where nothing was set. */
  finish(pace: Pace): Promise<Table<V>>;
}

/** Changes over a map that is shared with earlier tables. */
interface LayeredTable<V> extends Table<V> {
  readonly base: ReadonlyMap<string, V>;
  /** Undefined: not there any more. */
  readonly changes: ReadonlyMap<string, V | undefined>;
}

/**
 * Changes that lie over a map before both are copied into one: copying them with each update takes 50 µs, and a look-up
 * that finds nothing among them some nanoseconds.
 */
const maxLayered = 1_000;

/** Without a table before it: a plain map. */
export function createDraft<V>(previous: Table<V> | undefined): Draft<V> {
  if (previous === undefined) return createFirst();
  const { base, changes: earlier } = layersOf(previous);
  const changes = new Map<string, V | undefined>();
  return {
    get: (key) => (changes.has(key) ? changes.get(key) : previous.get(key)),
    set: (key, value) => void changes.set(key, value),
    async finish(pace) {
      if (changes.size === 0) return previous;
      if (changes.size > maxLayered) return merge(previous, changes, pace);
      const all = new Map(earlier);
      for (const [key, value] of changes) {
        if (value === undefined && !base.has(key)) all.delete(key);
        else all.set(key, value);
      }
      return all.size <= maxLayered ? layer(base, all) : merge(previous, changes, pace);
    },
  };
}

function createFirst<V>(): Draft<V> {
  const map = new Map<string, V>();
  return {
    get: (key) => map.get(key),
    set(key, value) {
      if (value === undefined) map.delete(key);
      else map.set(key, value);
    },
    finish: () => Promise.resolve(map),
  };
}

function layersOf<V>(table: Table<V>): Pick<LayeredTable<V>, 'base' | 'changes'> {
  if (table instanceof Map) return { base: table as ReadonlyMap<string, V>, changes: new Map() };
  return table as LayeredTable<V>;
}

function layer<V>(base: ReadonlyMap<string, V>, changes: ReadonlyMap<string, V | undefined>): LayeredTable<V> {
  let size = base.size;
  for (const [key, value] of changes) size += Number(value !== undefined) - Number(base.has(key));

  function* entries(): Generator<readonly [string, V], void> {
    for (const entry of base) if (!changes.has(entry[0])) yield entry;
    for (const [key, value] of changes) if (value !== undefined) yield [key, value];
  }
  function* values(): Generator<V, void> {
    for (const [, value] of entries()) yield value;
  }
  return {
    base,
    changes,
    size,
    get(key) {
      const changed = changes.get(key);
      if (changed !== undefined) return changed;
      return changes.has(key) ? undefined : base.get(key);
    },
    values,
    entries,
  };
}

/** In the order in which a layered table has them. */
async function merge<V>(
  previous: Table<V>,
  changes: ReadonlyMap<string, V | undefined>,
  pace: Pace,
): Promise<Table<V>> {
  const map = new Map<string, V>();
  for (const [key, value] of previous.entries()) {
    if (!changes.has(key)) map.set(key, value);
    const rest = pace.step();
    if (rest !== undefined) await rest;
  }
  for (const [key, value] of changes) {
    if (value !== undefined) map.set(key, value);
    const rest = pace.step();
    if (rest !== undefined) await rest;
  }
  return map;
}
