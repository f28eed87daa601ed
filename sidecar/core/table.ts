/** What can be looked up by key and never changes: a Map is one, and so is a Map with a few later changes over it. */
export interface Table<V> {
  get(key: string): V | undefined;
  readonly size: number;
  values(): Iterable<V>;
  entries(): Iterable<readonly [string, V]>;
}
