import { Worker } from 'node:worker_threads';
import type { Problem } from '../core/error.ts';
import type { Clock } from '../core/ports.ts';
import type { Declaration } from './parse.ts';
import type { ParseAnswer, ParseJob } from './parse-messages.ts';

/** A file that was parsed in a worker; its declarations are still there and are fetched chunk by chunk. */
export interface ParsedFile {
  readonly sha256: string;
  readonly count: number;
  readonly problems: readonly Problem[];
  /** To be read at most once. Throws when the worker dies on the way. */
  readonly chunks: AsyncIterable<readonly Declaration[]>;
  /** Ends the worker; to be called in every case. */
  close(): Promise<void>;
}

export interface Unreadable {
  readonly missing: boolean;
  readonly message: string;
}

export interface ParseInWorkerOptions extends ParseJob {
  /** The module that calls `serveParse`. */
  readonly workerUrl: URL;
  /** How long reading and parsing may take; milliseconds. */
  readonly timeoutMs: number;
  /** Ends the worker at any moment; whoever waits is rejected. */
  readonly signal?: AbortSignal;
}

/**
 * Parses in a thread of its own: 1 MB of YAML takes the parser more than a second, in which no decision would be made.
 * The thread lives for one load, so its memory goes with it. Rejects when the worker fails or takes too long.
 */
export async function parseInWorker(options: ParseInWorkerOptions, clock: Clock): Promise<ParsedFile | Unreadable> {
  const { workerUrl, file, owner, text, timeoutMs, signal } = options;
  const job: ParseJob = { file, owner, text };
  // No environment and no arguments: a parser needs neither, and what it does not have it cannot leak.
  const worker = new Worker(workerUrl, { workerData: job, env: {}, argv: [] });
  const answers = createAnswerQueue(worker);
  const abort = (): void => answers.fail(new Error('stopped'));
  signal?.addEventListener('abort', abort);
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', abort);
    await worker.terminate();
  };
  if (signal?.aborted === true) abort();
  const cancel = clock.after(timeoutMs, () => answers.fail(new Error('parsing took too long')));
  try {
    const first = await answers.take();
    if (first.type === 'parsed') {
      const { sha256, count, problems } = first;
      return { sha256, count, problems, chunks: readChunks(worker, answers), close };
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

async function* readChunks(worker: Worker, answers: AnswerQueue): AsyncGenerator<readonly Declaration[]> {
  while (true) {
    worker.postMessage('next');
    const answer = await answers.take();
    if (answer.type === 'end') return;
    if (answer.type !== 'chunk') throw new Error('the parser answered out of turn');
    yield answer.mutations;
  }
}

interface AnswerQueue {
  take(): Promise<ParseAnswer>;
  fail(error: Error): void;
}

function createAnswerQueue(worker: Worker): AnswerQueue {
  const waiting: ParseAnswer[] = [];
  let failure: Error | undefined;
  let taker: { resolve: (answer: ParseAnswer) => void; reject: (error: Error) => void } | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    taker?.reject(failure);
    taker = undefined;
  };
  worker.on('message', (answer: ParseAnswer) => {
    if (taker === undefined) waiting.push(answer);
    else taker.resolve(answer);
    taker = undefined;
  });
  worker.on('messageerror', () => fail(new Error('an answer of the parser could not be read')));
  worker.on('error', (error) => fail(error instanceof Error ? error : new Error('the parser failed')));
  worker.on('exit', () => fail(new Error('the parser ended early')));
  return {
    fail,
    take() {
      const answer = waiting.shift();
      if (answer !== undefined) return Promise.resolve(answer);
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        taker = { resolve, reject };
      });
    },
  };
}
