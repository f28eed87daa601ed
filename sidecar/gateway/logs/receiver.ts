import { equalInConstantTime } from '../../core/constant-time.ts';
import type { LogSource } from '../../core/ports.ts';
import type { Ingestion } from './ingestion.ts';

export interface LogReceiverDeps {
  /** Hex SHA-256 of a string. */
  readonly sha256: (text: string) => string;
  /** The log key of one gateway. */
  readonly keyOfGateway: (gatewayId: string) => string;
  readonly ingestion: Pick<Ingestion, 'add' | 'hasRoom'>;
  readonly observe: (outcome: 'taken' | 'refused') => void;
}

const everyGateway: LogSource = { gatewayId: undefined };
/** As {@link LogReceiverDeps.keyOfGateway} makes them. */
const ownKeyPattern = /^cfl\.([a-z0-9][a-z0-9._-]{0,62})\.[0-9a-f]{64}$/;

/** The door for http-logger's batches: lets the holders of a log key in, and answers before anything is read. */
export function createLogReceiver(options: { readonly logKeyHash: string }, deps: LogReceiverDeps) {
  const { sha256, keyOfGateway, ingestion, observe } = deps;
  let underWayBytes = 0;
  return {
    /** http-logger's `auth_header` becomes the exact Authorization value (facts, 6): `Bearer <key>`, or the bare key. */
    identify(authorization: string | undefined): LogSource | undefined {
      if (authorization === undefined) return undefined;
      const key = authorization.replace(/^bearer +/i, '');
      if (equalInConstantTime(sha256(key), options.logKeyHash)) return everyGateway;
      const gatewayId = ownKeyPattern.exec(key)?.[1];
      if (gatewayId === undefined) return undefined;
      return equalInConstantTime(key, keyOfGateway(gatewayId)) ? { gatewayId } : undefined;
    },
    /** Room for a body that is about to be read, so that those under way are bounded, too. */
    admit(bytes: number): (() => void) | undefined {
      if (!ingestion.hasRoom(underWayBytes + bytes)) {
        observe('refused');
        return undefined;
      }
      underWayBytes += bytes;
      return () => {
        underWayBytes -= bytes;
      };
    },
    /** What cannot be read comes no better a second time: only for want of room is the gateway to come again. */
    accept(body: Buffer, source: LogSource): { readonly status: number } {
      const isTaken = ingestion.add(body, source);
      observe(isTaken ? 'taken' : 'refused');
      return { status: isTaken ? 204 : 503 };
    },
  };
}
