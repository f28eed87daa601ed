import type { Decision } from '../core/decision.ts';
import type { AuditSink, Clock, Log } from '../core/ports.ts';
import { createEarlyDenials } from './early-denials.ts';
import { createLineBuffer } from './line-buffer.ts';
import { createLineWriter } from './record.ts';

export interface AuditOptions {
  /** Records that may wait to be written. */
  readonly bufferRecords: number;
  /** `drop` counts what is lost; `block` makes {@link Audit.isBlocking} true until there is room. */
  readonly onFull: 'drop' | 'block';
}

export interface AuditDeps {
  /** Undefined: nothing is recorded. */
  readonly sink: AuditSink | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** For the metrics. */
  readonly observe: (outcome: 'written' | 'dropped', records: number) => void;
}

export interface Audit {
  /** Hot path; neither throws nor waits. `endedAt`: monotonic, milliseconds; default now. */
  recordDecision(decision: Decision, endedAt?: number): void;
  /** Something that happened outside a decision; `event` and `time` among its fields, nothing secret. */
  recordEvent(event: Readonly<Record<string, unknown>>): void;
  /** True: new decisions must be denied with `audit_blocked`. */
  isBlocking(): boolean;
  /** The last attempt to write failed. */
  isFailing(): boolean;
  /** Writes what is there; resolves when it is written or could not be. */
  flush(): Promise<void>;
  /** Writes what is there and closes the sink. */
  close(): Promise<void>;
}

const flushMs = 100;
const flushRecords = 1_000;
/** Written at once. */
const chunkBytes = 262_144;
const earlyDenialsMs = 1_000;
const maxEarlyDenialCells = 1_000;

/** Records decisions. A kill loses at most what the last 100 ms brought (or 1,000 records). */
export function createAudit(options: AuditOptions, deps: AuditDeps): Audit {
  const { sink } = deps;
  return sink === undefined ? noAudit : createRecorder(options, { ...deps, sink });
}

const noAudit: Audit = {
  recordDecision: () => undefined,
  recordEvent: () => undefined,
  isBlocking: () => false,
  isFailing: () => false,
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

function createRecorder(options: AuditOptions, deps: AuditDeps & { readonly sink: AuditSink }): Audit {
  const { sink, clock, log } = deps;
  const { bufferRecords, onFull } = options;
  // Decisions that were under way when the buffer became full still come in; even then memory has a bound.
  const hardLimit = onFull === 'block' ? bufferRecords + flushRecords : bufferRecords;
  const earlyDenials = createEarlyDenials({ maxCells: maxEarlyDenialCells });
  const lineOf = createLineWriter();
  const buffer = createLineBuffer({ chunkBytes });
  /** Taken out of the buffer by the flush under way, not yet written. */
  let leaving = 0;
  let flushing: Promise<void> | undefined;
  let lost: { records: number; readonly sinceMs: number } | undefined;
  let failing = false;

  const waiting = (): number => buffer.lines() + leaving;

  function add(line: string): void {
    buffer.add(line);
    if (buffer.lines() >= flushRecords && flushing === undefined && !failing) void flush();
  }

  function drop(records: number): void {
    if (lost === undefined) {
      lost = { records: 0, sinceMs: clock.now() };
      log.error('audit_records_lost', { reason: failing ? 'sink' : 'buffer_full' });
    }
    lost.records += records;
    deps.observe('dropped', records);
  }

  function flush(): Promise<void> {
    flushing ??= writeAll().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  async function writeAll(): Promise<void> {
    const lines = buffer.lines();
    const chunks = buffer.takeAll();
    leaving = lines;
    for (const [index, chunk] of chunks.entries()) {
      const written = await write(chunk.buffer.subarray(0, chunk.length), chunk.lines);
      if (!written && onFull === 'block') {
        buffer.putBack(chunks.slice(index));
        leaving = 0;
        return;
      }
      if (!written) drop(chunk.lines);
      buffer.recycle(chunk);
      leaving -= chunk.lines;
    }
    await writeGap();
  }

  /** Says where the record has a hole, once there is somewhere to say it. */
  async function writeGap(): Promise<void> {
    if (lost === undefined) return;
    const gap = lost;
    lost = undefined;
    const line = JSON.stringify({
      time: new Date(clock.now()).toISOString(),
      event: 'audit_gap',
      lost: gap.records,
      since: new Date(gap.sinceMs).toISOString(),
    });
    if (await write(Buffer.from(`${line}\n`), 0)) {
      log.warn('audit_gap_closed', { lost: gap.records });
      return;
    }
    // What was lost while this was tried belongs to the same hole.
    lost = { records: gap.records + lostSince(), sinceMs: gap.sinceMs };
  }

  function lostSince(): number {
    return lost?.records ?? 0;
  }

  async function write(lines: Uint8Array, records: number): Promise<boolean> {
    try {
      await sink.write(lines);
    } catch (error) {
      if (!failing) log.error('audit_sink_failed', { sink: sink.kind, error });
      failing = true;
      return false;
    }
    if (failing) log.info('audit_sink_works_again', { sink: sink.kind });
    failing = false;
    if (records > 0) deps.observe('written', records);
    return true;
  }

  function takeEarlyDenials(): void {
    for (const line of earlyDenials.take(clock.now())) {
      if (waiting() < hardLimit) add(line);
      else drop(1);
    }
  }

  const cancels = [clock.every(flushMs, () => void flush()), clock.every(earlyDenialsMs, takeEarlyDenials)];

  return {
    recordDecision(decision, endedAt = clock.monotonic()) {
      const early = decision.deliberation.consumerId === '';
      if (decision.outcome === 'deny' && (early || decision.code === 'audit_blocked')) earlyDenials.add(decision);
      // Beyond the bound not even the line is built.
      else if (waiting() < hardLimit) add(lineOf(decision, endedAt));
      else drop(1);
    },
    recordEvent(event) {
      if (waiting() < hardLimit) add(JSON.stringify(event));
      else drop(1);
    },
    isBlocking: () => onFull === 'block' && waiting() >= bufferRecords,
    isFailing: () => failing,
    async flush() {
      // The one under way may have begun before the newest record.
      if (flushing !== undefined) await flushing;
      await flush();
    },
    async close() {
      for (const cancel of cancels) cancel();
      if (flushing !== undefined) await flushing;
      takeEarlyDenials();
      await flush();
      if (buffer.lines() > 0) drop(buffer.lines());
      await sink.close();
    },
  };
}
