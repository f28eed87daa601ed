import type { Actor } from '../../core/ports.ts';
import { usesInTurn } from '../uses-in-turn.ts';
import type { ConnectionPool } from './pool.ts';
import type { Sql } from './sql.ts';
import { inTransaction, type TransactionTimes } from './transaction.ts';

/** Below the server's deadlock_timeout (1 s): where a write and we wait for each other, it is we who give up. */
const lockMs = 500;

/** Writes that raise no revision: they do not queue at its row. */
export async function recordTokenUse(
  uses: ReadonlyMap<string, number>,
  options: { readonly sql: Sql; readonly times: TransactionTimes },
  pool: ConnectionPool,
): Promise<void> {
  const { t } = options.sql;
  const times = { ...options.times, lockMs };
  for (const some of usesInTurn(uses)) {
    await inTransaction(pool, times, async (session) => {
      await session.query(
        // In the order of the ids: sidecars that write at the same time wait for each other, and never in a circle.
        `WITH given AS (SELECT use->>0 AS id, (use->>1)::bigint AS at FROM json_array_elements($1::json) use),
           mine AS (SELECT id FROM ${t}tokens WHERE id IN (SELECT id FROM given) ORDER BY id FOR UPDATE)
         UPDATE ${t}tokens SET last_used_at = given.at FROM given JOIN mine USING (id)
         WHERE tokens.id = given.id AND (last_used_at IS NULL OR last_used_at < given.at)`,
        // The driver writes an array element by element: for a thousand that took ten times as long.
        [JSON.stringify(some)],
      );
      return { result: undefined };
    });
  }
}

export async function setMeta(
  { key, value, actor }: { readonly key: string; readonly value: string; readonly actor: Actor | undefined },
  options: { readonly sql: Sql; readonly times: TransactionTimes; readonly nowMs: number },
  pool: ConnectionPool,
): Promise<void> {
  const { t } = options.sql;
  await inTransaction(pool, options.times, async (session) => {
    await session.query(
      `INSERT INTO ${t}meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      [key, value],
    );
    if (actor !== undefined) {
      await session.query(
        `INSERT INTO ${t}admin_audit (revision, at, actor, action, kind, id, request_id)
         SELECT revision, $1, $2, $3, 'meta', $4, $5 FROM ${t}store_meta`,
        [options.nowMs, actor.name, actor.action, key, actor.requestId ?? null],
      );
    }
    return { result: undefined };
  });
}
