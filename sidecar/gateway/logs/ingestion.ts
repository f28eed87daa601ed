import type { Clock, Log, LoggedRequest, LogSource, UpstreamOutcome } from '../../core/ports.ts';
import type { LlmUsage } from '../../core/prices.ts';
import type { Snapshot, UpstreamEntry } from '../../core/snapshot.ts';
import { allowedFor, attribute, type Unattributed } from './attribute.ts';
import type { ConsumersByRequest } from './consumers-by-request.ts';
import { readEntry, type LogEntry } from './read-entry.ts';
import { scanEntries } from './scan-entries.ts';
import type { SeenRequests } from './seen-requests.ts';

/** What became of an entry; each is counted under one of these. */
export type EntryOutcome = 'used' | 'duplicate' | 'malformed' | 'not_ready' | Unattributed;

export interface IngestionOptions {
  /** Bodies that wait to be read, bytes; beyond them the gateway is asked to come again. */
  readonly maxQueuedBytes: number;
}

/** Gives way to decisions when the current slice of work has used its time. */
export interface Pace {
  step(): Promise<void> | undefined;
}

export interface IngestionDeps {
  readonly snapshot: () => Snapshot | undefined;
  readonly seen: SeenRequests;
  /** Undefined: no figures by consumer. */
  readonly consumers: ConsumersByRequest | undefined;
  readonly pace: () => Pace;
  /** Once a batch, with all that was sent on with a credential of ours. */
  readonly onRequests: (requests: readonly LoggedRequest[]) => void;
  /** The same without those whose client left before the upstream answered. */
  readonly onOutcomes: (outcomes: readonly UpstreamOutcome[]) => void;
  /**
   * A request has ended, whatever became of it; `usage` undefined: the log does not say. Told once of each that has an id.
   * `allowedFor`: whose limits another sidecar may have counted it by.
   */
  readonly onEnd: (requestId: string, usage: LlmUsage | undefined, allowedFor: () => UpstreamEntry | undefined) => void;
  readonly observe: {
    readonly entries: (outcome: EntryOutcome, count: number) => void;
    /** From the gateway's writing of an entry to its reading here, milliseconds. */
    readonly lag: (ms: number) => void;
    /** Whether the consumer of a request was known. */
    readonly join: (isHit: boolean) => void;
  };
  readonly clock: Clock;
  readonly log: Log;
}

export interface Ingestion {
  /** False: there is no room. */
  add(body: Buffer, source: LogSource): boolean;
  hasRoom(bytes: number): boolean;
  queuedBytes(): number;
  /** Resolves when all that was added has been read. */
  idle(): Promise<void>;
}

/** Bodies up to here are parsed at once (0.3 ms); of longer ones each entry by itself. */
const wholeBytes = 65_536;
const maxEntryBytes = 32_768;

/** Reads batches of the gateway's log one after the other, in slices that give way to decisions. Never throws. */
export function createIngestion({ maxQueuedBytes }: IngestionOptions, deps: IngestionDeps): Ingestion {
  const queue: Posted[] = [];
  let queuedBytes = 0;
  let running: Promise<void> | undefined;

  const hasRoom = (bytes: number): boolean => queuedBytes + bytes <= maxQueuedBytes;

  async function run(): Promise<void> {
    // The answer to the gateway goes first.
    await new Promise((resolve) => setImmediate(resolve));
    const pace = deps.pace();
    for (let posted = queue[0]; posted !== undefined; posted = queue[0]) {
      try {
        await readBatch(posted, pace);
      } catch (error) {
        deps.log.error('log_batch_failed', { error });
      }
      queue.shift();
      queuedBytes -= posted.body.length;
    }
    running = undefined;
  }

  async function readBatch({ body, source }: Posted, pace: Pace): Promise<void> {
    const batch = createBatch(source, deps);
    const whole = body.length > wholeBytes ? undefined : parse(body, 0, body.length);
    if (whole !== undefined) {
      for (const value of Array.isArray(whole) ? (whole as readonly unknown[]) : [whole]) {
        batch.take(value);
        const rest = pace.step();
        if (rest !== undefined) await rest;
      }
    } else {
      const scan = scanEntries(body, { maxEntryBytes });
      for (let found = scan.next(); found.done !== true;) {
        let isRead: boolean | undefined;
        if (found.value === 'broken') batch.countMalformed();
        else if (found.value !== 'pause') {
          const value = parse(body, found.value.start, found.value.end);
          isRead = value !== undefined;
          if (isRead) batch.take(value);
        }
        const rest = pace.step();
        if (rest !== undefined) await rest;
        found = scan.next(isRead);
      }
    }
    batch.finish();
  }

  return {
    add(body, source) {
      if (!hasRoom(body.length)) return false;
      queue.push({ body, source });
      queuedBytes += body.length;
      running ??= run();
      return true;
    },
    hasRoom,
    queuedBytes: () => queuedBytes,
    idle: async () => running,
  };
}

interface Posted {
  readonly body: Buffer;
  readonly source: LogSource;
}

interface Batch {
  take(value: unknown): void;
  countMalformed(): void;
  finish(): void;
}

function createBatch(source: LogSource, deps: IngestionDeps): Batch {
  const { snapshot, seen, consumers, onRequests, onOutcomes, onEnd, observe, clock } = deps;
  const requests: LoggedRequest[] = [];
  const counts = new Map<EntryOutcome, number>();
  const count = (outcome: EntryOutcome): void => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1);

  function judge(value: unknown): EntryOutcome {
    const entry = readEntry(value);
    if (entry === undefined) return 'malformed';
    const now = snapshot();
    if (now === undefined) return 'not_ready';
    if (entry.requestId !== '') {
      if (!seen.isNew(entry.requestId)) return 'duplicate';
      onEnd(entry.requestId, usageOf(entry), () => allowedFor(entry, now, source));
    }
    const nowMs = clock.now();
    if (entry.loggedAtMs !== undefined) observe.lag(Math.max(0, nowMs - entry.loggedAtMs));
    const request = attribute(entry, now, { nowMs, source, consumerId: consumers?.find(entry.requestId) });
    if (typeof request === 'string') return request;
    if (consumers !== undefined) observe.join(request.consumerId !== undefined);
    requests.push(request);
    return 'used';
  }

  return {
    take: (value) => count(judge(value)),
    countMalformed: () => count('malformed'),
    finish() {
      for (const [outcome, entries] of counts) observe.entries(outcome, entries);
      if (requests.length === 0) return;
      onRequests(requests);
      const outcomes = requests.filter(({ abandoned }) => !abandoned);
      if (outcomes.length > 0) onOutcomes(outcomes);
    },
  };
}

function usageOf({ model, promptTokens, completionTokens }: LogEntry): LlmUsage | undefined {
  if (promptTokens === undefined && completionTokens === undefined) return undefined;
  return { model, promptTokens: promptTokens ?? 0, completionTokens: completionTokens ?? 0 };
}

/** Undefined: it is no JSON. */
function parse(body: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(body.toString('utf8', start, end));
  } catch {
    return undefined;
  }
}
