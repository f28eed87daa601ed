/** Headers in the order and spelling they came in, repeated ones included. Values hold bytes (latin1). */
export interface HeaderList {
  readonly all: readonly (readonly [string, string])[];
  /** The first copy. */
  first(name: string): string | undefined;
  count(name: string): number;
  remove(name: string): void;
  /** Replaces every copy. */
  set(name: string, ...values: readonly string[]): void;
}

export function createHeaderList(raw: readonly string[]): HeaderList {
  let all: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) all.push([raw[i] ?? '', raw[i + 1] ?? '']);
  const named = (name: string): (readonly [string, string])[] =>
    all.filter(([candidate]) => candidate.toLowerCase() === name.toLowerCase());
  const remove = (name: string): void => {
    all = all.filter(([candidate]) => candidate.toLowerCase() !== name.toLowerCase());
  };
  return {
    get all() {
      return all;
    },
    first: (name) => named(name)[0]?.[1],
    count: (name) => named(name).length,
    remove,
    set(name, ...values) {
      remove(name);
      for (const value of values) all.push([name, value]);
    },
  };
}
