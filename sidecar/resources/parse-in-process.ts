import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Problem } from '../core/error.ts';
import type { Clock, PackedMutations } from '../core/ports.ts';
import type { Refusal } from './parse.ts';
import type { ParseAnswer, ParseJob, ParseRequest } from './parse-messages.ts';

/** A file that was parsed; its declarations are still in the parser and are fetched chunk by chunk. */
export interface ParsedFile {
  readonly sha256: string;
  readonly count: number;
  readonly problems: readonly Problem[];
  /** See `Parsed`. */
  readonly refusal: Refusal | undefined;
  /** To be read at most once. Throws when the parser dies on the way. */
  readonly chunks: AsyncIterable<PackedMutations>;
  /** Ends the parser; to be called in every case. */
  close(): Promise<void>;
}

export interface Unreadable {
  readonly missing: boolean;
  readonly message: string;
}

export interface ParseInProcessOptions extends ParseJob {
  /** The module that calls `serveParse`. */
  readonly processUrl: URL;
  /** How long reading and parsing may take; milliseconds. */
  readonly timeoutMs: number;
  /** Ends the parser at any moment; whoever waits is rejected. */
  readonly signal?: AbortSignal;
}

/**
 * V8 helps a thread that parses megabytes with as many others as it finds processors for, to compile and to collect
 * garbage: they would take every processor from the decisions. A parser of one thread leaves them all but one.
 */
const execArgv = ['--single-threaded'];

/**
 * Parses in a process of its own: 1 MB of YAML takes the parser more than a second, in which no decision would be made.
 * It lives for one load, so its memory goes with it. Rejects when the process fails or takes too long.
 */
export async function parseInProcess(options: ParseInProcessOptions, clock: Clock): Promise<ParsedFile | Unreadable> {
  const { processUrl, file, owner, text, beside, tokensEndByMs, timeoutMs, signal } = options;
  const parser = startParser(processUrl);
  const answers = createAnswerQueue(parser);
  const abort = (): void => answers.fail(new Error('stopped'));
  signal?.addEventListener('abort', abort);
  let ended = false;
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', abort);
    if (!ended) await end(parser);
  };
  if (signal?.aborted === true) abort();
  const cancel = clock.after(timeoutMs, () => answers.fail(new Error('parsing took too long')));
  try {
    const first = await answers.ask({ file, owner, text, beside, tokensEndByMs });
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

function startParser(url: URL): ChildProcess {
  // No environment, no arguments, no output: a parser needs none of them, and what it does not have it cannot leak.
  const parser = fork(fileURLToPath(url), [], {
    env: {},
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    // After the decisions, wherever the two want the same processor.
    if (parser.pid !== undefined) setPriority(parser.pid, constants.priority.PRIORITY_LOW);
  } catch {
    // Gone already, which its exit tells, or not permitted here: then it is as important as the rest.
  }
  return parser;
}

async function end(parser: ChildProcess): Promise<void> {
  if (parser.pid === undefined || parser.exitCode !== null || parser.signalCode !== null) return;
  const exited = once(parser, 'exit');
  parser.kill('SIGKILL');
  await exited;
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
}

function createAnswerQueue(parser: ChildProcess): AnswerQueue {
  let failure: Error | undefined;
  let asker: { resolve: (answer: ParseAnswer) => void; reject: (error: Error) => void } | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    asker?.reject(failure);
    asker = undefined;
  };
  parser.on('message', (answer: ParseAnswer) => {
    asker?.resolve(answer);
    asker = undefined;
  });
  parser.on('error', fail);
  parser.on('exit', () => fail(new Error('the parser ended early')));
  return {
    fail,
    ask(request) {
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        asker = { resolve, reject };
        parser.send(request, (error) => {
          if (error !== null) fail(error);
        });
      });
    },
  };
}
