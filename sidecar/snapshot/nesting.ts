import type { SnapshotProblem } from '../core/snapshot.ts';
import type { Table } from '../core/table.ts';

/** Groups that a group is a member of; `damaged`: it is not known any more. */
export type Memberships = readonly string[] | 'damaged';

/** Groups within groups, at one moment. */
export interface Nesting {
  /** The groups and all that they are in, nearest first. Undefined: one of them is damaged, so nobody can tell. */
  allOf(groups: readonly string[]): readonly string[] | undefined;
}

export function createNesting(table: Pick<Table<Memberships>, 'get' | 'size'>): Nesting {
  return {
    allOf(groups) {
      if (table.size === 0 || groups.length === 0) return groups;
      const all = new Set(groups);
      // A set is walked in the order in which it grows; a cycle ends where it began.
      for (const group of all) {
        const above = table.get(group);
        if (above === 'damaged') return undefined;
        for (const name of above ?? []) all.add(name);
      }
      return all.size === groups.length ? groups : [...all];
    },
  };
}

/** Groups that are members of themselves, by way of others. Files are refused for it; the API puts one at a time. */
export function cyclesOf(table: Table<Memberships>): readonly SnapshotProblem[] {
  const problems: SnapshotProblem[] = [];
  for (const [id, above] of table.entries()) {
    const found = above === 'damaged' ? undefined : createNesting(table).allOf(above);
    if (found?.includes(id) === true) problems.push({ kind: 'group', id, message: 'the group is a member of itself' });
  }
  return problems;
}
