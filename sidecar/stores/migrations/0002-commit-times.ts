import type { SchemaStep } from './migration.ts';

/** When a change was written, by the store's own clock: how long it took to be known elsewhere. 0: before this step. */
export const commitTimes: SchemaStep = {
  version: 2,
  name: 'commit times',
  sqlite: 'ALTER TABLE changes ADD COLUMN at INTEGER NOT NULL DEFAULT 0;',
  postgres: `
    ALTER TABLE changes ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE changes ALTER COLUMN at SET DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  `,
};
