import { formatProblem } from '../config/problems.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Problem } from '../core/error.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { Owner } from '../core/resources.ts';
import type { Beside } from './budgets.ts';
import { parseInProcess } from './parse-in-process.ts';
import type { ParsedFile } from './parse-in-process.ts';
import type { Parsers } from './parsers.ts';
import { contentHash } from './source-files.ts';
import type { SourceState } from './source-state.ts';

export interface LoadOptions {
  readonly source: string;
  readonly file: string;
  readonly allowPrune: boolean;
  readonly parseTimeoutMs: number;
  /** Longest life of a token from now on; milliseconds. Undefined: no bound. */
  readonly maxTtlMs: number | undefined;
  /** Part of what counts as the same content: another version may read the same text as other resources. */
  readonly fingerprint: string;
}

export interface LoadDeps {
  readonly parsers: Parsers;
  readonly apply: Store['apply'];
  /** What else there is while a document of this owner is judged, which declares all that is the owner's. */
  readonly besideOf: (owner: Owner) => Promise<Beside>;
  /** Where the hash of the applied content is kept. */
  readonly meta: { get(key: string): Promise<string | undefined>; set(key: string, value: string): Promise<void> };
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the load; what the store has not committed is rolled back. */
  readonly signal: AbortSignal;
}

export type Outcome = Pick<SourceState, 'status' | 'sha256' | 'count' | 'problems' | 'code'> & {
  /** Where `refused` or `failed`. */
  readonly error?: unknown;
};

/** Of the document, not of the store's health: it would be refused again. */
const refusals: ReadonlySet<string> = new Set([
  'prune_refused',
  'resource_owned_by_file',
  'resource_exists',
  'resource_in_use',
]);

/** Brings one file into the store, or says why not. Never throws. */
export async function loadSource(options: LoadOptions, deps: LoadDeps): Promise<Outcome> {
  const { source, file } = options;
  const owner = `file:${source}` as const;
  let problems: readonly Problem[] = [];
  let count: number | undefined;
  let parsed: ParsedFile | undefined;
  const outcome = (status: Outcome['status'], more: Partial<Outcome> = {}): Outcome => {
    return { status, sha256: undefined, count, problems, code: undefined, ...more };
  };
  try {
    const metaKey = `resources.${source}`;
    const held = await deps.meta.get(metaKey);
    const sha256 = await contentHash(file);
    if (sha256 !== undefined && held === `${options.fingerprint}:${sha256}`) return outcome('unchanged', { sha256 });

    const beside = await deps.besideOf(owner);
    const result = await parseInProcess(
      {
        file,
        owner,
        beside,
        parsers: deps.parsers,
        timeoutMs: options.parseTimeoutMs,
        signal: deps.signal,
        ...(options.maxTtlMs !== undefined && { tokensEndByMs: deps.clock.now() + options.maxTtlMs }),
      },
      deps.clock,
    );
    if (!('chunks' in result)) {
      problems = [{ severity: 'error', message: result.message, file }];
      return outcome(result.missing ? 'missing' : 'invalid');
    }
    parsed = result;
    ({ count, problems } = parsed);
    if (parsed.refusal === 'resource_invalid') return outcome('invalid');
    if (parsed.refusal !== undefined) throw new CredentialFlowError(parsed.refusal);

    // Forgotten first: were only the last step lost, the next start would take the older content for applied.
    if (held !== undefined && held !== '') await deps.meta.set(metaKey, '');
    const report = await deps.apply(parsed.chunks, {
      owner,
      actor: { name: owner, action: 'apply' },
      prune: true,
      allowPrune: options.allowPrune,
      dryRun: false,
    });
    await deps.meta.set(metaKey, `${options.fingerprint}:${parsed.sha256}`);
    const { created, updated, deleted, unchanged, revision } = report;
    deps.log.info('resource_file_applied', { source, created, updated, deleted, unchanged, revision });
    return outcome('applied', { sha256: parsed.sha256 });
  } catch (error) {
    const code = error instanceof CredentialFlowError ? error.code : 'internal';
    return outcome(refusals.has(code) ? 'refused' : 'failed', { code, error });
  } finally {
    await parsed?.close();
  }
}

const shownProblems = 20;

/** One line for each outcome that an operator must know of. Texts of foreign errors stay out: they may quote the file. */
export function logOutcome(log: Log, source: string, file: string, outcome: Outcome): void {
  const { status, problems, code, error } = outcome;
  const shown = problems.slice(0, shownProblems).map(formatProblem);
  const more = { source, file, ...(shown.length === 0 ? {} : { problems: shown, problem_count: problems.length }) };
  switch (status) {
    case 'invalid':
      log.error('resource_file_invalid', { ...more, effect: 'the last good state stays' });
      break;
    case 'missing':
      log.error('resource_file_missing', { ...more, effect: 'the last good state stays' });
      break;
    case 'refused':
      log.error('resource_file_refused', {
        ...more,
        code,
        reason: messageOf(error),
        effect: 'the last good state stays',
      });
      break;
    case 'failed':
      log.error('resource_file_failed', { ...more, code, reason: messageOf(error), effect: 'it is tried again' });
      break;
    case 'waiting':
    case 'applied':
    case 'unchanged':
      if (shown.length > 0) log.warn('resource_file_warnings', more);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof CredentialFlowError) return error.message;
  return error instanceof Error ? error.name : 'unknown';
}
