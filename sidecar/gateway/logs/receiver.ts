import { equalInConstantTime } from '../../core/constant-time.ts';
import type { Ingestion } from './ingestion.ts';

export interface LogReceiverDeps {
  /** Hex SHA-256 of a string. */
  readonly sha256: (text: string) => string;
  readonly ingestion: Pick<Ingestion, 'add' | 'hasRoom'>;
  readonly observe: (outcome: 'taken' | 'refused') => void;
}

/** The door for http-logger's batches: lets the holders of the log key in, and answers before anything is read. */
export function createLogReceiver(options: { readonly logKeyHash: string }, deps: LogReceiverDeps) {
  const { ingestion, observe } = deps;
  return {
    /** http-logger's `auth_header` becomes the exact Authorization value (facts, 6): `Bearer <key>`, or the bare key. */
    authorizes(authorization: string | undefined): boolean {
      if (authorization === undefined) return false;
      const key = authorization.replace(/^bearer +/i, '');
      return equalInConstantTime(deps.sha256(key), options.logKeyHash);
    },
    /** Asked before a body is read, so that no more are held than there is room for. */
    admits(): boolean {
      const hasRoom = ingestion.hasRoom();
      if (!hasRoom) observe('refused');
      return hasRoom;
    },
    /** What cannot be read comes no better a second time: only for want of room is the gateway to come again. */
    accept(body: Buffer): { readonly status: number } {
      const isTaken = ingestion.add(body);
      observe(isTaken ? 'taken' : 'refused');
      return { status: isTaken ? 204 : 503 };
    },
  };
}
