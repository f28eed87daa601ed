import type { DatabaseSync } from 'node:sqlite';

/** All of `work` or nothing. IMMEDIATE: the write lock is taken before anything is read, so no upgrade can fail. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

/** SQLite rolls back by itself on some faults (a full disk); then there is nothing left to do. */
export function rollBack(db: DatabaseSync): void {
  if (db.isTransaction) db.exec('ROLLBACK');
}
