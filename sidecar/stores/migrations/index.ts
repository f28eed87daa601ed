import { initial } from './0001-initial.ts';
import { commitTimes } from './0002-commit-times.ts';
import { tokenScopes } from './0003-token-scopes.ts';
import type { Migration, SchemaStep } from './migration.ts';

/** In order. A new step is one file and one line here; a step that was released is never edited. */
const steps: readonly SchemaStep[] = [initial, commitTimes, tokenScopes];

export const migrations: Readonly<Record<'sqlite' | 'postgres', readonly Migration[]>> = {
  sqlite: steps.map(({ version, name, sqlite }) => ({ version, name, sql: sqlite })),
  postgres: steps.map(({ version, name, postgres }) => ({ version, name, sql: postgres })),
};
