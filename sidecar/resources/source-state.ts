import type { Problem } from '../core/error.ts';

/**
 * - `waiting`: not read yet
 * - `applied`, `unchanged`: the store holds this content
 * - `invalid`, `missing`: the file cannot be used; the last good state holds
 * - `refused`: the store does not take it (a prune too large, a resource of another owner, an upstream that a
 *   budget relies on); the last good state holds
 * - `failed`: the store or the parser failed; it is tried again
 */
export type SourceStatus = 'waiting' | 'applied' | 'unchanged' | 'invalid' | 'missing' | 'refused' | 'failed';

export interface SourceState {
  /** Owns its resources as `file:<source>`. */
  readonly source: string;
  readonly file: string;
  readonly status: SourceStatus;
  /** Since when; milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Hex SHA-256 of the content that the store holds, where it is known. */
  readonly sha256: string | undefined;
  /** Number of resources and tokens of the last load that got as far. */
  readonly count: number | undefined;
  readonly problems: readonly Problem[];
  /** Code of the error where `refused` or `failed`. */
  readonly code: string | undefined;
}
