import { pino } from 'pino';
import type { Clock, Log } from '../core/ports.ts';
import { safeForLog } from './safe-for-log.ts';

export interface LoggerOptions {
  /** Default `info`. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Takes whole lines; default stdout. */
  readonly destination?: { readonly write: (line: string) => void };
}

/** JSON lines `{"level":"info","time":"<ISO 8601>","event":"…",…}`. Values are made safe whatever the caller passed. */
export function createLogger(options: LoggerOptions, deps: { readonly clock: Clock }): Log {
  const lines = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(deps.clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? stdout(),
  );
  const withStack = options.level === 'debug';

  function at(level: 'debug' | 'info' | 'warn' | 'error'): Log['info'] {
    return (event, fields) => {
      if (!lines.isLevelEnabled(level)) return;
      lines[level](fields === undefined ? { event } : { event, ...safeForLog(fields, withStack) });
    };
  }

  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function stdout(): pino.DestinationStream {
  const destination = pino.destination({ dest: 1, sync: true });
  // A closed pipe or a full disk behind stdout must not end the process.
  destination.on('error', () => undefined);
  return destination;
}
