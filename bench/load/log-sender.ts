import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LogOrder, LogResult } from './log-messages.ts';

export interface LogSender {
  run(order: LogOrder): Promise<LogResult>;
  close(): void;
}

/** One process for a whole bench, beside the one that asks for decisions. */
export function createLogSender(): LogSender {
  const child = fork(fileURLToPath(new URL('logs.process.ts', import.meta.url)));
  return {
    async run(order) {
      child.send(order);
      const [result] = (await once(child, 'message')) as [LogResult];
      return result;
    },
    close: () => child.disconnect(),
  };
}
