import type { ItemOf } from './read-item.ts';

/** Every membership that closes a cycle: the group, and at which of its memberships. */
export function findGroupCycles(
  groups: readonly ItemOf<'group'>[],
): readonly { readonly item: ItemOf<'group'>; readonly at: number; readonly through: readonly string[] }[] {
  const byId = new Map(groups.map((item) => [item.id, item]));
  const done = new Set<string>();
  const cycles: { readonly item: ItemOf<'group'>; readonly at: number; readonly through: readonly string[] }[] = [];

  // A walk of its own stack: files may nest deeper than calls do.
  for (const start of groups) {
    const path: { readonly item: ItemOf<'group'>; next: number }[] = [{ item: start, next: 0 }];
    const onPath = new Set([start.id]);
    while (path.length > 0) {
      const top = path[path.length - 1];
      if (top === undefined) break;
      const at = top.next++;
      const name = done.has(top.item.id) ? undefined : top.item.spec.member_of[at];
      if (name === undefined) {
        done.add(top.item.id);
        onPath.delete(top.item.id);
        path.pop();
      } else if (onPath.has(name)) {
        const through = path.map(({ item }) => item.id);
        cycles.push({ item: top.item, at, through: [...through.slice(through.indexOf(name)), name] });
      } else {
        const item = byId.get(name);
        if (item !== undefined && !done.has(name)) {
          path.push({ item, next: 0 });
          onPath.add(name);
        }
      }
    }
  }
  return cycles;
}
