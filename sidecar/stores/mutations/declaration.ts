import { CredentialFlowError, type Problem } from '../../core/error.ts';
import type { ApplyOptions, ApplyReport, Mutation } from '../../core/ports.ts';
import type { ResourceKind } from '../../core/resources.ts';
import type { Rules } from './mutate.ts';
import type { Named } from './refusals.ts';
import type { Outcome } from './resource-mutations.ts';
import type { LedgerEntry } from './tables.ts';

/** How many changes a report names, and how many conflicts or deletions an error names. */
const namedChanges = 1_000;
const namedProblems = 100;

/** A prune of up to this many needs no leave, unless it is everything; beyond it, a fifth of what is owned is the bound. */
const freePrunes = 4;
const freePruneShare = 0.2;

export interface Applied extends ApplyReport {
  /** False: the store is as it was. */
  readonly committed: boolean;
}

/** A resource or a token that an owner has. */
export interface OwnedName {
  readonly kind: ResourceKind | 'token';
  readonly id: string;
}

/** One source declaring what it owns, chunk by chunk, inside one transaction. */
export interface Declaration {
  add(mutations: readonly Mutation[]): void;
  /** Throws what was refused so far. */
  check(): void;
  /** Where the rest is to be deleted: what of everything the owner has now it no longer names. Throws `prune_refused`. */
  doomed(owned: readonly OwnedName[]): readonly OwnedName[];
  remove(names: readonly OwnedName[]): void;
  report(): Omit<ApplyReport, 'revision'>;
}

export interface DeclarationParts {
  readonly rules: Rules;
  readonly entry: LedgerEntry;
  /** How much the owner has before the first chunk. */
  readonly ownedBefore: number;
}

/** The write lock is held; the caller rolls back when anything throws. */
export function beginDeclaration(parts: DeclarationParts, options: ApplyOptions): Declaration {
  const { entry, ownedBefore } = parts;
  const { resources, tokens } = parts.rules;
  /** What the source names, only kept where the rest is to be deleted. */
  const declared = options.prune ? new Map<string, Set<string>>() : undefined;
  const counts: Record<Outcome, number> = { create: 0, update: 0, delete: 0, unchanged: 0 };
  const changed: { id: string; action: 'create' | 'update' | 'delete' }[] = [];
  const problems: Problem[] = [];
  let firstRefusal: CredentialFlowError | undefined;
  const action = (outcome: Outcome) => `${options.actor.action}:${outcome}`;

  function count({ kind, id }: Named, outcome: Outcome): void {
    counts[outcome] += 1;
    if (outcome === 'unchanged' || changed.length >= namedChanges) return;
    changed.push({ id: `${kind}/${id}`, action: outcome });
  }

  function remember({ kind, id }: Named): void {
    if (declared === undefined) return;
    const ids = declared.get(kind);
    if (ids === undefined) declared.set(kind, new Set([id]));
    else ids.add(id);
  }

  function declare(mutation: Mutation): void {
    if (mutation.op !== 'put' && mutation.op !== 'put_token') {
      throw new CredentialFlowError('internal', `a source cannot declare ${mutation.op}`);
    }
    const target = mutation.op === 'put' ? mutation : { ...mutation.token, kind: 'token' };
    if (target.owner !== options.owner) {
      throw new CredentialFlowError('internal', `${options.owner} cannot declare for ${target.owner}`);
    }
    remember(target);
    const outcome =
      mutation.op === 'put' ? resources.put(mutation, entry, action) : tokens.declare(mutation.token, entry, action);
    count(target, outcome);
  }

  return {
    add(mutations) {
      for (const mutation of mutations) {
        try {
          declare(mutation);
        } catch (error) {
          // Refusals are collected, so that a source learns all of them at once; faults end it.
          if (!(error instanceof CredentialFlowError) || error.problems.length === 0) throw error;
          firstRefusal ??= error;
          if (problems.length < namedProblems) problems.push(...error.problems);
        }
      }
    },
    check() {
      if (firstRefusal === undefined) return;
      throw new CredentialFlowError(firstRefusal.code, firstRefusal.message, { problems });
    },
    doomed(owned) {
      const names = owned.filter(({ kind, id }) => declared?.get(kind)?.has(id) !== true);
      if (options.allowPrune || !isTooMuch(names.length, ownedBefore)) return names;
      const message = `the apply would delete ${names.length} of the ${ownedBefore} that ${options.owner} owns`;
      throw new CredentialFlowError('prune_refused', message, {
        problems: names.slice(0, namedProblems).map(({ kind, id }) => {
          const path = `${kind}/${id}`;
          return { severity: 'error', message: `${path} would be deleted`, path };
        }),
      });
    },
    remove(names) {
      const { owner } = options;
      for (const { kind, id } of names) {
        if (kind === 'token') tokens.delete({ op: 'delete_token', id, owner }, entry, action('delete'));
        else resources.delete({ op: 'delete', kind, id, owner }, entry, action('delete'));
        count({ kind, id }, 'delete');
      }
    },
    report: () => ({
      created: counts.create,
      updated: counts.update,
      unchanged: counts.unchanged,
      deleted: counts.delete,
      changed,
    }),
  };
}

function isTooMuch(doomed: number, ownedBefore: number): boolean {
  if (doomed === 0) return false;
  return doomed >= ownedBefore || (doomed > freePrunes && doomed > ownedBefore * freePruneShare);
}
