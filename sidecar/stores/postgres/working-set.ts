import type { Mutation } from '../../core/ports.ts';
import type { OwnedName } from '../mutations/declaration.ts';
import type { Tables } from '../mutations/tables.ts';
import type { ResourceRow, TokenRow } from '../rows.ts';
import type { Session } from './pool.ts';
import { createResourceSet } from './resource-set.ts';
import type { Sql } from './sql.ts';
import { createTokenSet } from './token-set.ts';

/** What a slice of mutations may look at or change. */
export interface Wanted {
  readonly resources: readonly Pick<ResourceRow, 'kind' | 'id'>[];
  readonly tokens: readonly (Pick<TokenRow, 'id'> & { readonly sha256?: string | undefined })[];
}

/**
 * The rows that a slice of mutations touches: fetched in a few statements, worked on in memory by the rules that every
 * store shares, and written back in a few statements. A statement a row would hold the lock of all writes for as many
 * round trips.
 */
export interface WorkingSet extends Tables {
  fetch(wanted: Wanted): Promise<void>;
  /** Writes what was changed, and forgets everything. */
  flush(): Promise<void>;
}

export function createWorkingSet(session: Session, sql: Sql): WorkingSet {
  const resources = createResourceSet(session, sql);
  const tokens = createTokenSet(session, sql);
  return {
    resources: resources.table,
    tokens: tokens.table,
    async fetch(wanted) {
      await resources.fetch(wanted.resources);
      await tokens.fetch(wanted.tokens);
    },
    async flush() {
      await resources.flush();
      await tokens.flush();
    },
  };
}

export function wantedBy(mutations: readonly Mutation[]): Wanted {
  const resources: Pick<ResourceRow, 'kind' | 'id'>[] = [];
  const tokens: { id: string; sha256?: string }[] = [];
  for (const mutation of mutations) {
    if ('kind' in mutation) resources.push(mutation);
    else tokens.push('token' in mutation ? mutation.token : mutation);
  }
  return { resources, tokens };
}

export function wantedByName(names: readonly OwnedName[]): Wanted {
  const resources: Pick<ResourceRow, 'kind' | 'id'>[] = [];
  const tokens: { id: string }[] = [];
  for (const { kind, id } of names) {
    if (kind === 'token') tokens.push({ id });
    else resources.push({ kind, id });
  }
  return { resources, tokens };
}
