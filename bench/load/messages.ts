/** What the bench asks the load process, and what it answers, over IPC. */

export interface LoadRequest {
  readonly host: string;
  readonly port: number;
  /** One whole request, sent again and again on keep-alive connections; `{token}` in it stands for one of `tokens`. */
  readonly request: string;
  /** In turn, one a request. */
  readonly tokens?: readonly string[] | undefined;
  /** Ends after so many requests, if `seconds` have not. */
  readonly limit?: number | undefined;
  /** The status that every answer must have; default 200. */
  readonly status?: number | undefined;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second, open loop; undefined: each connection asks again as soon as it has its answer. */
  readonly rate?: number | undefined;
  /**
   * Open loop: evenly, by a clock of 0.1 ms instead of 1 ms, which at a high rate sends a burst that the server must queue.
   * Answers are read by that clock, too, so latencies mean little.
   */
  readonly even?: boolean | undefined;
  /** Go before every other process, where the system lets us: only where the load is far below what a core can send. */
  readonly first?: boolean | undefined;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers with another status, and broken connections. */
  readonly failures: number;
  /** Of each request, milliseconds; open loop only (counted from the moment the request was due). */
  readonly latencies: readonly number[];
}
