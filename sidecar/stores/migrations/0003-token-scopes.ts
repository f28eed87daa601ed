import type { SchemaStep } from './migration.ts';

/** Policies that alone may allow with a token, as a JSON list; null: all that name its consumer. */
export const tokenScopes: SchemaStep = {
  version: 3,
  name: 'token scopes',
  sqlite: 'ALTER TABLE tokens ADD COLUMN scopes TEXT;',
  postgres: 'ALTER TABLE tokens ADD COLUMN scopes TEXT;',
};
