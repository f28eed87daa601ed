import type { RequestHandler } from 'express';

/** Handlers that the routes share. */
export interface RouteParts {
  /** Refuses changes where nothing would keep them. */
  readonly writes: RequestHandler;
  /** Reads a JSON body of up to 1 MiB. */
  readonly json: RequestHandler;
  /** Reads a document of up to 64 MiB as text. */
  readonly document: RequestHandler;
  /** Longest and default life of issued tokens, and the default overlap of rotations; milliseconds. */
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  readonly overlapMs: number;
}
