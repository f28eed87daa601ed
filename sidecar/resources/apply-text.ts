import { hasErrors } from '../config/problems.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Problem } from '../core/error.ts';
import type { ApplyOptions, ApplyReport, Clock, Store } from '../core/ports.ts';
import { parseInWorker } from './parse-in-worker.ts';

export interface ApplyTextOptions extends ApplyOptions {
  /** How problems name the document. */
  readonly file: string;
}

/** Parses a document in a thread and declares it to the store, all or nothing. */
export type TextApplier = (
  text: string,
  options: ApplyTextOptions,
) => Promise<{ readonly report: ApplyReport; readonly warnings: readonly Problem[] }>;

/**
 * For the admin API's `apply`. Rejects with `resource_invalid` and every problem, with what the store refuses, or with
 * `internal` where the parser failed. `parseTimeoutMs` defaults to 60 000.
 */
export function createTextApplier(
  options: { readonly parseWorkerUrl: URL; readonly parseTimeoutMs?: number },
  deps: { readonly apply: Store['apply']; readonly clock: Clock },
): TextApplier {
  const { parseWorkerUrl, parseTimeoutMs = 60_000 } = options;
  return async (text, { file, ...apply }) => {
    const job = { file, owner: apply.owner, text, workerUrl: parseWorkerUrl, timeoutMs: parseTimeoutMs };
    const parsed = await parseInWorker(job, deps.clock).catch((cause: unknown) => {
      throw new CredentialFlowError('internal', 'the document could not be parsed', { cause });
    });
    if (!('chunks' in parsed)) throw new CredentialFlowError('resource_invalid', parsed.message);
    try {
      const { problems } = parsed;
      if (hasErrors(problems)) throw new CredentialFlowError('resource_invalid', undefined, { problems });
      return { report: await deps.apply(parsed.chunks, apply), warnings: problems };
    } finally {
      await parsed.close();
    }
  };
}
