import type { Problem } from '../core/error.ts';
import type { PackedMutations } from '../core/ports.ts';
import type { Owner } from '../core/resources.ts';
import type { Beside } from './budgets.ts';
import type { Refusal } from './parse.ts';

/** What the process is asked first. */
export interface ParseJob {
  /** What is read, and how problems name it. */
  readonly file: string;
  /** Who owns what it declares. */
  readonly owner: Owner;
  /** In place of the file's content. */
  readonly text?: string | undefined;
  /** See `ParseOptions`. */
  readonly tokensEndByMs?: number | undefined;
  readonly beside?: Beside | undefined;
}

/** The job, then `next` for each chunk, so that neither side piles up. */
export type ParseRequest = ParseJob | 'next';

/** One for each request. */
export type ParseAnswer =
  | {
      readonly type: 'parsed';
      /** Hex SHA-256 of the bytes that were read. */
      readonly sha256: string;
      readonly count: number;
      readonly problems: readonly Problem[];
      /** See `Parsed`. */
      readonly refusal: Refusal | undefined;
    }
  | { readonly type: 'unreadable'; readonly missing: boolean; readonly message: string }
  | ({ readonly type: 'chunk' } & PackedMutations)
  | { readonly type: 'end' };
