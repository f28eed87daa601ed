/** What the bench asks the load process, and what it answers, over IPC. */

export interface LoadRequest {
  readonly host: string;
  readonly port: number;
  /** One whole request, sent again and again on keep-alive connections. */
  readonly request: string;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second, open loop; undefined: each connection asks again as soon as it has its answer. */
  readonly rate?: number | undefined;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers with another status than 200, and broken connections. */
  readonly failures: number;
  /** Of each request, milliseconds; open loop only (counted from the moment the request was due). */
  readonly latencies: readonly number[];
}
