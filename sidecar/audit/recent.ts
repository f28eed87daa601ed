import { recordOf, type DecisionRecord } from '../core/decision-record.ts';
import type { Decision } from '../core/decision.ts';

/** The last decisions, in memory: for explaining them and for trying other policies on them. */
export interface RecentDecisions {
  /** Hot path. */
  add(decision: Decision): void;
  find(id: string): DecisionRecord | undefined;
  /** The newest first. */
  list(limit: number): readonly DecisionRecord[];
  size(): { readonly records: number; readonly bytes: number };
}

export interface RecentOptions {
  /** Records kept at most; default 10,000. */
  readonly maxRecords?: number;
  /** Bytes that their texts may take (an estimate); default 16 MiB. */
  readonly maxBytes?: number;
  /** Whether a header other than the address and the model may be read by a condition. */
  readonly isReadable: (name: string) => boolean;
  /** Most headers of one decision that are kept. */
  readonly maxHeaders?: number;
}

/** What every decision has, and what conditions most often read. */
const always = ['x-forwarded-for', 'x-cf-arg-model'] as const;
const recordBytes = 400;

export function createRecentDecisions(options: RecentOptions): RecentDecisions {
  const { maxRecords = 10_000, maxBytes = 16 * 1_048_576, maxHeaders = 8, isReadable } = options;
  const ring: (DecisionRecord | undefined)[] = Array.from({ length: maxRecords }, () => undefined);
  /** Where the oldest stands, and how many there are. */
  let first = 0;
  let count = 0;
  let bytes = 0;

  function drop(): void {
    const oldest = ring[first];
    if (oldest !== undefined) bytes -= bytesOf(oldest);
    ring[first] = undefined;
    first = (first + 1) % maxRecords;
    count--;
  }

  /** Other headers only where a policy reads any: looking through all names costs a tenth of a decision. */
  function namesOf(decision: Decision): readonly string[] {
    const { snapshot, question } = decision.deliberation;
    if (!snapshot.hasConditions) return always;
    const names: string[] = [...always];
    for (const name in question.headers) {
      if (names.length < maxHeaders && isReadable(name) && name !== always[1]) names.push(name);
    }
    return names;
  }

  return {
    add(decision) {
      const record = recordOf(decision, namesOf(decision));
      if (count === maxRecords) drop();
      ring[(first + count) % maxRecords] = record;
      count++;
      bytes += bytesOf(record);
      while (bytes > maxBytes && count > 1) drop();
    },
    find(id) {
      for (let at = count - 1; at >= 0; at--) {
        const record = ring[(first + at) % maxRecords];
        if (record?.id === id) return record;
      }
      return undefined;
    },
    list(limit) {
      const newest: DecisionRecord[] = [];
      for (let at = count - 1; at >= 0 && newest.length < limit; at--) {
        const record = ring[(first + at) % maxRecords];
        if (record !== undefined) newest.push(record);
      }
      return newest;
    },
    size: () => ({ records: count, bytes }),
  };
}

/** Ids are shared with the snapshot; the rest is the record's own. */
function bytesOf({ id, requestId, path, headers }: DecisionRecord): number {
  let size = recordBytes + id.length + requestId.length + path.length;
  for (const name in headers) size += 2 * (headers[name]?.length ?? 0);
  return size;
}
