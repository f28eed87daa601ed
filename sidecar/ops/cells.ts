/** Counting in plain objects: an increment costs two look-ups in maps and no garbage; labels are laid out when scraped. */

export interface Cells {
  add(first: string, second: string, count?: number): void;
  /** Forgets all counts of a value of the first label. */
  remove(first: string): void;
  entries(): Iterable<readonly [first: string, second: string, count: number]>;
}

/** Label value of everything beyond the bound. */
export const beyondBound = 'other';

/** Counts by a pair of labels: at most `maxFirst` values of the first are kept apart, and `maxSecond` of the second for each. */
export function createCells(maxFirst: number, maxSecond = 1_000): Cells {
  const rows = new Map<string, Map<string, { count: number }>>();

  function rowOf(first: string): Map<string, { count: number }> {
    const name = rows.size < maxFirst ? first : beyondBound;
    const known = rows.get(name);
    if (known !== undefined) return known;
    const row = new Map<string, { count: number }>();
    rows.set(name, row);
    return row;
  }

  return {
    add(first, second, count = 1) {
      const row = rows.get(first) ?? rowOf(first);
      const known = row.get(second) ?? (row.size < maxSecond ? undefined : row.get(beyondBound));
      if (known !== undefined) known.count += count;
      else row.set(row.size < maxSecond ? second : beyondBound, { count });
    },
    remove: (first) => void rows.delete(first),
    *entries() {
      for (const [first, row] of rows) for (const [second, { count }] of row) yield [first, second, count];
    },
  };
}
