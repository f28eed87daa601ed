import { configInvalid } from '../config/problems.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Cancel } from '../core/ports.ts';
import { nothingBeside } from './budgets.ts';
import { loadSource, logOutcome } from './load-source.ts';
import type { LoadDeps, Outcome } from './load-source.ts';
import { sourceName } from './parse.ts';
import { signatureOf } from './source-files.ts';
import type { SourceState } from './source-state.ts';

export interface FileSourcesOptions {
  readonly files: readonly string[];
  /** Load a file again when it changes. */
  readonly watch: boolean;
  /** Let a file delete all, or over a fifth, of what it declared before. */
  readonly allowPrune: boolean;
  /** How often the files are looked at; milliseconds; default 1000. */
  readonly pollMs?: number;
  /** How long a changed file must rest before it is read; milliseconds; default 100. */
  readonly settleMs?: number;
  /** Default 120 000. */
  readonly parseTimeoutMs?: number;
  /** Longest life of a token that a file declares, from the moment it is read; milliseconds; default: no bound. */
  readonly maxTtlMs?: number;
  /** Version of whatever gives a text its meaning (this program's own); default empty. */
  readonly fingerprint?: string;
}

export interface FileSourcesDeps extends Pick<LoadDeps, 'apply' | 'parsers' | 'clock' | 'log'> {
  /** Default: there is nothing else. */
  readonly besideOf?: LoadDeps['besideOf'];
  /** Default: kept in memory, so that a start applies every file. */
  readonly meta?: LoadDeps['meta'];
  readonly onState?: (source: string, state: SourceState) => void;
}

export interface FileSources {
  /**
   * Loads every file. Throws `config_invalid` with the problems of all files when one is missing or not valid, and what
   * the store threw; a refused prune does not stop the start, nor does what a budget relies on: the store's last good
   * state is served.
   */
  start(): Promise<void>;
  /** Looks at a source (or all) now. Resolves when it is loaded, or found wanting: see the states. Throws `not_found`. */
  reload(source?: string): Promise<readonly SourceState[]>;
  status(): readonly SourceState[];
  stop(): Promise<void>;
}

interface Source {
  readonly name: string;
  readonly file: string;
  state: SourceState;
  /** Of the file that the state speaks of. */
  signature: string;
  retryAtMs: number;
  retryMs: number;
}

const firstRetryMs = 1_000;
const lastRetryMs = 60_000;

/** Resource files as sources of the store: each owns what it declares, and prunes only its own. */
export function createFileSources(options: FileSourcesOptions, deps: FileSourcesDeps): FileSources {
  const { clock, log } = deps;
  const { pollMs = 1_000, settleMs = 100, parseTimeoutMs = 120_000, fingerprint = '' } = options;
  const meta = deps.meta ?? memoryMeta();
  const besideOf = deps.besideOf ?? (() => Promise.resolve(nothingBeside));
  const sources = options.files.map((file) => newSource(file, clock.now()));
  let cancelPoll: Cancel | undefined;
  let polling = false;
  const stopping = new AbortController();
  const { signal } = stopping;
  // One load at a time: they write to one store, and each takes a process.
  let tail: Promise<unknown> = Promise.resolve();

  const enqueue = <T>(task: () => Promise<T>): Promise<T> => {
    const result = tail.then(task);
    tail = result.catch(() => undefined);
    return result;
  };

  const load = async (source: Source, signature: string): Promise<Outcome> => {
    const outcome = await loadSource(
      {
        source: source.name,
        file: source.file,
        allowPrune: options.allowPrune,
        parseTimeoutMs,
        maxTtlMs: options.maxTtlMs,
        fingerprint,
      },
      { apply: deps.apply, parsers: deps.parsers, besideOf, meta, clock, log, signal },
    );
    if (signal.aborted) return outcome;
    const { status, count, problems, code } = outcome;
    const sha256 = outcome.sha256 ?? source.state.sha256;
    source.signature = signature;
    source.state = { ...source.state, status, count, problems, code, sha256, sinceMs: clock.now() };
    // What else there is may change, and the file need not.
    const isRetried = status === 'failed' || code === 'resource_in_use';
    source.retryMs = isRetried ? Math.min(source.retryMs * 2, lastRetryMs) : firstRetryMs / 2;
    source.retryAtMs = isRetried ? clock.monotonic() + source.retryMs : Infinity;
    logOutcome(log, source.name, source.file, outcome);
    deps.onState?.(source.name, source.state);
    return outcome;
  };

  /** In their order; what relied on an upstream may go with a file that comes after it. */
  const loadEach = async (chosen: readonly Source[]): Promise<readonly Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const source of chosen) outcomes.push(await load(source, await signatureOf(source.file)));
    if (!outcomes.some(({ status }) => status === 'applied')) return outcomes;
    for (const [at, source] of chosen.entries()) {
      if (outcomes[at]?.code === 'resource_in_use') outcomes[at] = await load(source, await signatureOf(source.file));
    }
    return outcomes;
  };

  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = clock.after(settleMs, wake);
      signal.addEventListener('abort', wake);
    });

  /** Loads what changed and has come to rest: a file that is being written is left for the next look. */
  const look = async (source: Source): Promise<void> => {
    const signature = await signatureOf(source.file);
    if (signature === source.signature) {
      if (clock.monotonic() >= source.retryAtMs) await load(source, signature);
      return;
    }
    await rest();
    if (signature === (await signatureOf(source.file)) && !signal.aborted) await load(source, signature);
  };

  const poll = (): void => {
    if (polling || signal.aborted) return;
    polling = true;
    void enqueue(async () => {
      for (const source of sources) if (!signal.aborted) await look(source);
    }).finally(() => (polling = false));
  };

  return {
    start: () =>
      enqueue(async () => {
        const outcomes = await loadEach(sources);
        const unusable = outcomes.filter(({ status }) => status === 'invalid' || status === 'missing');
        if (unusable.length > 0) {
          throw configInvalid(
            'the resource files are not valid',
            unusable.flatMap(({ problems }) => problems),
          );
        }
        const fault = outcomes.find(({ error, code }) => error !== undefined && !isServable(code));
        if (fault !== undefined) throw asError(fault.error);
        if (options.watch) cancelPoll = clock.every(pollMs, poll);
      }),
    async reload(name) {
      const chosen = sources.filter((source) => name === undefined || source.name === name);
      if (name !== undefined && chosen.length === 0)
        throw new CredentialFlowError('not_found', 'no such resource file');
      return enqueue(async () => {
        await loadEach(chosen);
        return chosen.map(({ state }) => state);
      });
    },
    status: () => sources.map(({ state }) => state),
    async stop() {
      stopping.abort();
      cancelPoll?.();
      await tail;
    },
  };
}

/** The store holds what the file declared before, and its upstreams work. */
function isServable(code: string | undefined): boolean {
  return code === 'prune_refused' || code === 'resource_in_use';
}

function newSource(file: string, nowMs: number): Source {
  const name = sourceName(file);
  const state: SourceState = {
    source: name,
    file,
    status: 'waiting',
    sinceMs: nowMs,
    sha256: undefined,
    count: undefined,
    problems: [],
    code: undefined,
  };
  return { name, file, state, signature: '', retryAtMs: Infinity, retryMs: firstRetryMs / 2 };
}

function memoryMeta(): LoadDeps['meta'] {
  const values = new Map<string, string>();
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => {
      values.set(key, value);
    },
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new CredentialFlowError('internal');
}
