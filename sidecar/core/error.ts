import { errorTable, type CodeRow, type ErrorCode } from './codes.ts';

/** One problem in an input, with its place where it has one. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  /** Path inside the document, e.g. `upstreams[0].preset`. */
  readonly path?: string;
}

/**
 * A fault, or a refusal outside the decision. `message` is for operators (log, CLI) and must contain neither a secret
 * nor a token; callers over HTTP read the table's public text and, for their own input, `problems`.
 */
export class CredentialFlowError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];

  constructor(
    code: ErrorCode,
    detail?: string,
    options: { readonly cause?: unknown; readonly problems?: readonly Problem[] } = {},
  ) {
    super(detail ?? errorTable[code].message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CredentialFlowError';
    this.code = code;
    this.problems = options.problems ?? [];
  }

  get row(): CodeRow {
    return errorTable[this.code];
  }
}
