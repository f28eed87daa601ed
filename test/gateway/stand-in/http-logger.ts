import { request as httpRequest } from 'node:http';
import type { HttpLogger, LogFormat } from './configuration.ts';
import type { Exchange } from './exchange.ts';
import { variable } from './variables.ts';

type LogEntry = { readonly [name: string]: string | number | LogEntry };

export interface LogBatches {
  add(conf: HttpLogger, exchange: Exchange): void;
  /** Sends what waits and resolves when every batch was taken or given up. */
  flush(): Promise<void>;
  close(): void;
}

interface Batch {
  readonly conf: HttpLogger;
  entries: LogEntry[];
  timer: NodeJS.Timeout | undefined;
}

/** At-least-once batches by route: a full one goes at once, a partial one after `inactive_timeout` seconds of silence. */
export function createLogBatches(): LogBatches {
  const batches = new Map<string, Batch>();
  const underWay = new Set<Promise<void>>();
  let closed = false;

  const send = (batch: Batch): void => {
    clearTimeout(batch.timer);
    const { entries } = batch;
    if (entries.length === 0) return;
    batch.entries = [];
    const sending = deliver(batch.conf, entries, () => closed).finally(() => underWay.delete(sending));
    underWay.add(sending);
  };

  return {
    add(conf, exchange) {
      if (closed) return;
      const batch = batches.get(exchange.route.id) ?? { conf, entries: [], timer: undefined };
      batches.set(exchange.route.id, batch);
      batch.entries.push(entryOf(conf.log_format, exchange));
      clearTimeout(batch.timer);
      if (batch.entries.length >= conf.batch_max_size) send(batch);
      else batch.timer = setTimeout(() => send(batch), conf.inactive_timeout * 1_000).unref();
    },
    async flush() {
      for (const batch of batches.values()) send(batch);
      await Promise.all(underWay);
    },
    close() {
      closed = true;
      for (const batch of batches.values()) clearTimeout(batch.timer);
    },
  };
}

/** Only what the format names, and the route's id; an absent variable is left out. */
function entryOf(format: LogFormat | undefined, exchange: Exchange): LogEntry {
  const entry = format === undefined ? defaultEntry(exchange) : fill(format, exchange);
  return { ...entry, route_id: exchange.route.id };
}

/** Of its many fields the ones that matter: every header as the upstream got it, the injected secret too (facts, 3). */
function defaultEntry({ headers, target, request, response }: Exchange): LogEntry {
  const seen = Object.fromEntries(headers.all.map(([name, value]) => [name.toLowerCase(), value]));
  return {
    request: { method: request.method ?? '', uri: target.raw, headers: seen },
    response: { status: response.statusCode },
  };
}

function fill(format: LogFormat, exchange: Exchange): LogEntry {
  const entry: Record<string, string | number | LogEntry> = {};
  for (const [name, value] of Object.entries(format)) {
    const filled = typeof value === 'string' ? fillOne(value, exchange) : fill(value, exchange);
    if (filled !== undefined) entry[name] = filled;
  }
  return entry;
}

const fillOne = (value: string, exchange: Exchange): string | number | undefined =>
  value.startsWith('$') ? variable(exchange, value.slice(1)) : value;

async function deliver(conf: HttpLogger, entries: readonly LogEntry[], closed: () => boolean): Promise<void> {
  const body = JSON.stringify(conf.batch_max_size === 1 ? entries[0] : entries);
  for (let attempt = 0; attempt <= conf.max_retry_count && !closed(); attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, conf.retry_delay * 1_000));
    if (await post(conf, body)) return;
  }
}

/** A fresh connection each time; any status below 400 counts as taken. */
function post(conf: HttpLogger, body: string): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = httpRequest(
      conf.uri,
      {
        agent: false,
        method: 'POST',
        timeout: conf.timeout * 1_000,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...(conf.auth_header === undefined ? {} : { authorization: conf.auth_header }),
        },
      },
      (incoming) => {
        incoming.resume();
        incoming.on('error', () => resolve(false));
        incoming.on('end', () => resolve((incoming.statusCode ?? 500) < 400));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(false));
    outgoing.end(body);
  });
}
