import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadRequest, LoadResult } from './messages.ts';

export interface LoadClient {
  run(order: LoadRequest): Promise<LoadResult>;
  close(): void;
}

/** One load process for a whole bench. Rejects when a request failed: a figure with failures in it means nothing. */
export function createLoadClient(): LoadClient {
  const child = fork(fileURLToPath(new URL('load.process.ts', import.meta.url)));
  return {
    async run(order) {
      child.send(order);
      const [result] = (await once(child, 'message')) as [LoadResult];
      if (result.failures > 0) {
        throw new Error(`${String(result.failures)} of ${String(result.requests)} requests failed under load`);
      }
      return result;
    },
    close: () => child.disconnect(),
  };
}
