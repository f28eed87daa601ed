import type { RouteDocument } from '../sync/compare-routes.ts';

/** A request as it came to the server that the doctor starts. */
export interface Arrival {
  /** Number of the connection that it came on. */
  readonly connection: number;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends to the gateway what no client would, byte for byte, over one kept connection. */
export interface Caller {
  send(request: {
    readonly method: string;
    readonly target: string;
    readonly headers: readonly (readonly [name: string, value: string])[];
  }): Promise<Reply>;
}

/** Where the doctor's routes go. */
export interface RoutePlace {
  /** A route that is there already; undefined: none that can be read. */
  read(id: string): Promise<RouteDocument | undefined>;
  /** All or none. Rejects where the gateway would not take them. */
  add(routes: readonly RouteDocument[]): Promise<void>;
  remove(): Promise<void>;
}

/** The sidecar's admin API; rejects for an answer that is none. */
export interface SidecarAdmin {
  call(request: {
    readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
    /** Below `/api/v1`. */
    readonly path: string;
    readonly json?: unknown;
  }): Promise<unknown>;
}

/** A log file of the gateway. */
export interface LogFile {
  readonly name: string;
  /** What was written to it since the doctor began; undefined: it cannot be read. */
  readonly readNew: () => Promise<string | undefined>;
}
