import type { Mutation } from '../../core/ports.ts';
import { createResourceMutations, type Outcome, type ResourceMutations } from './resource-mutations.ts';
import type { LedgerEntry, Tables } from './tables.ts';
import { createTokenMutations, type TokenMutations } from './token-mutations.ts';

/** The rules of every write, whatever the store is made of. */
export interface Rules {
  readonly resources: ResourceMutations;
  readonly tokens: TokenMutations;
  mutate(mutation: Mutation, entry: LedgerEntry): Outcome;
}

export function createRules(tables: Tables): Rules {
  const resources = createResourceMutations(tables.resources);
  const tokens = createTokenMutations(tables.tokens);
  return {
    resources,
    tokens,
    mutate(mutation, entry) {
      const { action } = entry.actor;
      switch (mutation.op) {
        case 'put':
          return resources.put(mutation, entry, () => action);
        case 'delete':
          return resources.delete(mutation, entry, action);
        case 'set_disabled':
          return resources.setDisabled(mutation, entry, action);
        case 'put_token':
          return tokens.issue(mutation.token, entry, action);
        case 'revoke_token':
          return tokens.revoke(mutation, entry, action);
        case 'expire_token':
          return tokens.expire(mutation, entry, action);
        case 'delete_token':
          return tokens.delete(mutation, entry, action);
      }
    },
  };
}
