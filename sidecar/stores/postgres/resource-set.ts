import type { ResourceTable } from '../mutations/tables.ts';
import type { ResourceRow } from '../rows.ts';
import { notFetched } from './faults.ts';
import type { Session } from './pool.ts';
import { unnest, type Sql } from './sql.ts';

type Name = Pick<ResourceRow, 'kind' | 'id'>;

export interface ResourceSet {
  readonly table: ResourceTable;
  fetch(names: readonly Name[]): Promise<void>;
  flush(): Promise<void>;
}

interface Slot extends Name {
  row: ResourceRow | undefined;
  /** Stays when the row goes. */
  disabled: boolean;
  changed: boolean;
  /** Undefined: as it was; null: lifted. */
  tombstone: number | null | undefined;
}

const names = { kind: 'text', id: 'text' } as const;

export function createResourceSet(session: Session, sql: Sql): ResourceSet {
  const { t } = sql;
  const slots = new Map<string, Slot>();
  const key = (kind: string, id: string): string => `${kind}/${id}`;

  function slotOf(kind: string, id: string): Slot {
    const slot = slots.get(key(kind, id));
    if (slot === undefined) throw notFetched();
    return slot;
  }

  async function writeRows(rows: readonly ResourceRow[]): Promise<void> {
    if (rows.length === 0) return;
    const columns = {
      ...names,
      owner: 'text',
      spec: 'text',
      revision: 'bigint',
      created_at: 'bigint',
      updated_at: 'bigint',
    } as const;
    const list = Object.keys(columns).join(', ');
    await session.query(
      `INSERT INTO ${t}resources (${list}) SELECT ${list} FROM ${unnest(columns)}
       ON CONFLICT (kind, id) DO UPDATE
       SET owner = excluded.owner, spec = excluded.spec, revision = excluded.revision, updated_at = excluded.updated_at`,
      (Object.keys(columns) as (keyof typeof columns)[]).map((column) => rows.map((row) => row[column])),
    );
  }

  async function deleteFrom(table: 'resources' | 'tombstones', gone: readonly Name[]): Promise<void> {
    if (gone.length === 0) return;
    await session.query(`DELETE FROM ${t}${table} WHERE (kind, id) IN (SELECT kind, id FROM ${unnest(names)})`, [
      gone.map(({ kind }) => kind),
      gone.map(({ id }) => id),
    ]);
  }

  async function bury(dead: readonly Slot[]): Promise<void> {
    if (dead.length === 0) return;
    await session.query(
      `INSERT INTO ${t}tombstones (kind, id, at) SELECT kind, id, at FROM ${unnest({ ...names, at: 'bigint' })}
       ON CONFLICT (kind, id) DO UPDATE SET at = excluded.at`,
      [dead.map(({ kind }) => kind), dead.map(({ id }) => id), dead.map(({ tombstone }) => tombstone)],
    );
  }

  return {
    async fetch(wanted) {
      if (wanted.length === 0) return;
      for (const { kind, id } of wanted) {
        slots.set(key(kind, id), { kind, id, row: undefined, disabled: false, changed: false, tombstone: undefined });
      }
      const rows = await session.query<Name & { owner: string | null; disabled: boolean }>(
        `SELECT given.kind, given.id, r.owner, r.spec, t.id IS NOT NULL AS disabled, r.revision, r.created_at, r.updated_at
         FROM (SELECT DISTINCT kind, id FROM ${unnest(names)}) given
         LEFT JOIN ${t}resources r ON r.kind = given.kind AND r.id = given.id
         LEFT JOIN ${t}tombstones t ON t.kind = given.kind AND t.id = given.id`,
        [wanted.map(({ kind }) => kind), wanted.map(({ id }) => id)],
      );
      for (const row of rows) {
        const slot = slotOf(row.kind, row.id);
        slot.disabled = row.disabled;
        if (row.owner !== null) slot.row = row as ResourceRow;
      }
    },
    table: {
      get: (kind, id) => slotOf(kind, id).row,
      put(row) {
        const slot = slotOf(row.kind, row.id);
        slot.row = { ...row, disabled: slot.disabled };
        slot.changed = true;
      },
      remove(kind, id) {
        const slot = slotOf(kind, id);
        slot.row = undefined;
        slot.changed = true;
      },
      setDisabled(kind, id, atMs) {
        const slot = slotOf(kind, id);
        slot.disabled = atMs !== undefined;
        slot.tombstone = atMs ?? null;
        if (slot.row !== undefined) slot.row = { ...slot.row, disabled: slot.disabled };
      },
    },
    async flush() {
      const all = [...slots.values()];
      slots.clear();
      const changed = all.filter((slot) => slot.changed);
      await deleteFrom(
        'resources',
        changed.filter(({ row }) => row === undefined),
      );
      await writeRows(changed.flatMap(({ row }) => row ?? []));
      await deleteFrom(
        'tombstones',
        all.filter(({ tombstone }) => tombstone === null),
      );
      await bury(all.filter(({ tombstone }) => typeof tombstone === 'number'));
    },
  };
}
