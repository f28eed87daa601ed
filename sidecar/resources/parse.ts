import { basename } from 'node:path';
import { hasErrors } from '../config/problems.ts';
import type { ErrorCode } from '../core/codes.ts';
import type { Problem } from '../core/error.ts';
import type { Mutation } from '../core/ports.ts';
import type { Owner } from '../core/resources.ts';
import { nothingBeside, type Beside } from './budgets.ts';
import { checkOthersBudgets, crossCheck } from './cross-check.ts';
import type { ResourceDeps } from './kind.ts';
import type { ReadItem } from './read-item.ts';
import { readItems } from './read-items.ts';

/** What a source declares: `put` and `put_token` only. */
export type Declaration = Extract<Mutation, { readonly op: 'put' | 'put_token' }>;

export interface ParseOptions {
  /** Who owns what it declares; default `file:` and the file's base name. */
  readonly owner?: Owner;
  /** True: references to what these documents do not declare are errors instead of warnings. Default false. */
  readonly complete?: boolean;
  /** Tokens that live longer are errors: milliseconds since 1970. Default: no bound. */
  readonly tokensEndByMs?: number | undefined;
  /** What else there is; default nothing. */
  readonly beside?: Beside | undefined;
}

export interface Parsed {
  /** Empty where there is an error. */
  readonly mutations: readonly Declaration[];
  /** At most {@link maxProblems}. */
  readonly problems: readonly Problem[];
  /** Why it may not be applied; undefined: it may. Where it is `resource_in_use` the documents are valid in themselves. */
  readonly refusal: Refusal | undefined;
}

export type Refusal = Extract<ErrorCode, 'resource_invalid' | 'resource_in_use'>;

const maxProblems = 500;

/** The owner of what a file declares. The base name: a file keeps what it owns when its directory moves. */
export function sourceName(file: string): string {
  return basename(file);
}

/** Reads one resource file: YAML or JSON, one or several documents, empty = nothing. Never throws. */
export function parseResources(text: string, file: string, deps: ResourceDeps, options: ParseOptions = {}): Parsed {
  const { owner = ownerOf(file), ...rest } = options;
  return parseResourceFiles([{ text, file, owner }], deps, rest);
}

/** Reads several files as one, so that they may refer to each other; each owns its own part. */
export function parseResourceFiles(
  files: readonly { readonly text: string; readonly file: string; readonly owner?: Owner }[],
  deps: ResourceDeps,
  options: Omit<ParseOptions, 'owner'> = {},
): Parsed {
  const items: ReadItem[] = [];
  const problems: Problem[] = [];
  for (const { text, file, owner = ownerOf(file) } of files) {
    const read = readItems(text, file, owner, deps);
    for (const item of read.items) items.push(item);
    for (const problem of read.problems) problems.push(problem);
  }
  const { complete = false, beside = nothingBeside, tokensEndByMs } = options;
  for (const problem of crossCheck(items, { deps, complete, beside, tokensEndByMs })) {
    problems.push(problem);
  }
  let refusal: Refusal | undefined = hasErrors(problems) ? 'resource_invalid' : undefined;
  // What an invalid entry would have declared nobody knows.
  const taken = refusal === undefined ? checkOthersBudgets(items, beside) : [];
  for (const problem of taken) problems.push(problem);
  if (hasErrors(taken)) refusal = 'resource_in_use';
  return { mutations: refusal === undefined ? items.map(declarationOf) : [], problems: bounded(problems), refusal };
}

function ownerOf(file: string): Owner {
  return `file:${sourceName(file)}`;
}

function declarationOf(item: ReadItem): Declaration {
  if (item.kind === 'token') return { op: 'put_token', token: item.token };
  return { op: 'put', kind: item.kind, id: item.id, owner: item.owner, spec: item.spec };
}

/** Errors first, so that no flood of warnings hides one; in the order of the file otherwise. */
function bounded(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= maxProblems) return problems;
  const sorted = [
    ...problems.filter(({ severity }) => severity === 'error'),
    ...problems.filter(({ severity }) => severity === 'warning'),
  ];
  const left = sorted.length - maxProblems + 1;
  const severity = hasErrors(sorted.slice(maxProblems - 1)) ? 'error' : 'warning';
  return [...sorted.slice(0, maxProblems - 1), { severity, message: `and ${left} more problems` }];
}
