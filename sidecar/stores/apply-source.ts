import { CredentialFlowError } from '../core/error.ts';
import type { ApplyChunk, Clock, Mutation } from '../core/ports.ts';
import { unpack } from './mutations/unpack.ts';

/** Mutations at once: small enough that no thread is held for long. */
export const sliceLength = 500;

export const defaultApplyStallMs = 30_000;

/**
 * The source's chunks, cut to slices; packed ones are small already. A source that gives nothing for `stallMs` is given up
 * (`store_failed`): the write lock is held meanwhile, and a revocation must not wait for a stuck pipe.
 */
export async function* slices(
  chunks: Iterable<ApplyChunk> | AsyncIterable<ApplyChunk>,
  stallMs: number,
  clock: Clock,
): AsyncGenerator<ApplyChunk, void> {
  const source = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  let over = false;
  try {
    while (true) {
      const step = await inTime(source.next(), stallMs, clock);
      if (step.done === true) {
        over = true;
        return;
      }
      const chunk = step.value;
      if ('packed' in chunk) yield chunk;
      else for (let at = 0; at < chunk.length; at += sliceLength) yield chunk.slice(at, at + sliceLength);
    }
  } finally {
    // Not awaited: a stuck source does not answer this either.
    if (!over) void Promise.resolve(source.return?.()).catch(() => undefined);
  }
}

/**
 * What chunks hold, packed or not, together in pieces of at least `length` but for the last: each piece may cost a question
 * to a server.
 */
export function* joined(chunks: Iterable<ApplyChunk>, length: number): Generator<readonly Mutation[], void> {
  let piece: Mutation[] = [];
  for (const chunk of chunks) {
    piece.push(...unpack(chunk));
    if (piece.length < length) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

async function inTime<T>(step: T | Promise<T>, stallMs: number, clock: Clock): Promise<T> {
  if (!(step instanceof Promise)) return step;
  let cancel = () => {};
  const stalled = new Promise<never>((_resolve, reject) => {
    cancel = clock.after(stallMs, () =>
      reject(new CredentialFlowError('store_failed', `the source of an apply gave nothing for ${stallMs} ms`)),
    );
  });
  try {
    return await Promise.race([step, stalled]);
  } finally {
    cancel();
  }
}
