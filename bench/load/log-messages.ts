/** What the bench asks the process that plays the gateway's log, and what it answers, over IPC. */

export interface LogOrder {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** What `cfcredential` carries. */
  readonly versionId: string;
  /** Entries a second; each batch has twenty. */
  readonly rate: number;
  readonly seconds: number;
}

export interface LogResult {
  /** Batches that were taken, repetitions included. */
  readonly batches: number;
  /** Different entries that the sidecar could use, of batches that were taken. */
  readonly usable: number;
  /** The same, taken once more. */
  readonly repeated: number;
  /** Batches whose last entry was cut off. */
  readonly cut: number;
  /** Answers 413, and connections that were closed for the same reason. */
  readonly oversized: number;
  /** Answers 503: the batch came again. */
  readonly refused: number;
  /** Batches that were given up after three times, and answers of any other kind. */
  readonly failures: number;
  readonly seconds: number;
}
