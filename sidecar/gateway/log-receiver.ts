import { equalInConstantTime } from '../core/constant-time.ts';
import type { Log } from '../core/ports.ts';

export interface LogReceiverDeps {
  /** Hex SHA-256 of a string. */
  readonly sha256: (text: string) => string;
  readonly observe: (outcome: 'accepted' | 'malformed', entries: number) => void;
  readonly log: Log;
}

/** Takes http-logger's batches: authenticates them by the log key and counts their entries. */
export function createLogReceiver(options: { readonly logKeyHash: string }, deps: LogReceiverDeps) {
  return {
    /** http-logger's `auth_header` becomes the exact Authorization value (facts, 6): `Bearer <key>`, or the bare key. */
    authorizes(authorization: string | undefined): boolean {
      if (authorization === undefined) return false;
      const key = authorization.replace(/^bearer +/i, '');
      return equalInConstantTime(deps.sha256(key), options.logKeyHash);
    },
    accept(body: Buffer): { readonly status: number } {
      const entries = countEntries(body.toString('utf8'));
      if (entries === undefined) {
        deps.observe('malformed', 1);
        deps.log.warn('log_batch_malformed', { bytes: body.length });
        return { status: 400 };
      }
      deps.observe('accepted', entries);
      return { status: 204 };
    },
  };
}

/** One bare object, an array, or an object a line; undefined: none of them (facts, 6). */
function countEntries(text: string): number | undefined {
  const whole = parse(text);
  if (Array.isArray(whole)) return whole.length;
  if (whole !== undefined) return 1;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 0 && lines.every((line) => parse(line) !== undefined) ? lines.length : undefined;
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
