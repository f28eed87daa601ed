import type { Problem } from '../core/error.ts';
import type { Clock, PackedMutations } from '../core/ports.ts';
import type { Refusal } from './parse.ts';
import type { ParseAnswer, ParseJob, ParseRequest } from './parse-messages.ts';
import type { Parsers } from './parsers.ts';

/** A file that was parsed; its declarations are still in the parser and are fetched chunk by chunk. */
export interface ParsedFile {
  readonly sha256: string;
  readonly count: number;
  readonly problems: readonly Problem[];
  /** See `Parsed`. */
  readonly refusal: Refusal | undefined;
  /** To be read at most once, and not where there is a refusal. Throws when the parser dies on the way. */
  readonly chunks: AsyncIterable<PackedMutations>;
  /** Ends the parser; to be called in every case. */
  close(): Promise<void>;
}

export interface Unreadable {
  readonly missing: boolean;
  readonly message: string;
}

export interface ParseInProcessOptions extends ParseJob {
  readonly parsers: Parsers;
  /** How long reading and parsing may take; milliseconds. */
  readonly timeoutMs: number;
  /** Ends the parser at any moment; whoever waits is rejected. */
  readonly signal?: AbortSignal;
}

/**
 * Parses in a process of its own: 1 MB of YAML takes the parser more than a second, in which no decision would be made.
 * Rejects when the process fails or takes too long.
 */
export async function parseInProcess(options: ParseInProcessOptions, clock: Clock): Promise<ParsedFile | Unreadable> {
  const { parsers, file, owner, text, beside, tokensEndByMs, timeoutMs, signal } = options;
  const answers = createAnswerQueue(parsers);
  const abort = (): void => answers.fail(new Error('stopped'));
  signal?.addEventListener('abort', abort);
  /** By itself. */
  let ended = false;
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', abort);
    if (!ended) await answers.end();
  };
  if (signal?.aborted === true) abort();
  const cancel = clock.after(timeoutMs, () => answers.fail(new Error('parsing took too long')));
  try {
    const first = await answers.ask({ file, owner, text, beside, tokensEndByMs });
    ended = first.type === 'unreadable' || (first.type === 'parsed' && first.refusal !== undefined);
    if (first.type === 'parsed') {
      const { sha256, count, problems, refusal } = first;
      const chunks = readChunks(answers, () => {
        ended = true;
      });
      return { sha256, count, problems, refusal, chunks, close };
    }
    await close();
    return first.type === 'unreadable' ? first : { missing: false, message: 'the parser answered out of turn' };
  } catch (error) {
    await close();
    throw error;
  } finally {
    cancel();
  }
}

/** `onEnd`: the parser has nothing left, and ends by itself. */
async function* readChunks(answers: AnswerQueue, onEnd: () => void): AsyncGenerator<PackedMutations> {
  while (true) {
    const answer = await answers.ask('next');
    if (answer.type === 'end') {
      onEnd();
      return;
    }
    if (answer.type !== 'chunk') throw new Error('the parser answered out of turn');
    // Bytes of their own: those of the message lie among others.
    yield { packed: new Uint8Array(answer.packed) };
  }
}

interface AnswerQueue {
  ask(request: ParseRequest): Promise<ParseAnswer>;
  fail(error: Error): void;
  /** Ends the parser. */
  end(): Promise<void>;
}

function createAnswerQueue(parsers: Parsers): AnswerQueue {
  let failure: Error | undefined;
  let asker: { resolve: (answer: ParseAnswer) => void; reject: (error: Error) => void } | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    asker?.reject(failure);
    asker = undefined;
  };
  const parser = parsers.start({
    answered(answer) {
      asker?.resolve(answer);
      asker = undefined;
    },
    failed: fail,
  });
  return {
    fail,
    end: () => parser.end(),
    ask(request) {
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        asker = { resolve, reject };
        parser.send(request);
      });
    },
  };
}
