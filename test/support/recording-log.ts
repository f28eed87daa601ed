import type { Log } from '../../sidecar/core/ports.ts';

export interface LogLine {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RecordingLog extends Log {
  readonly lines: LogLine[];
  /** Events in order. */
  readonly events: () => string[];
}

export function recordingLog(): RecordingLog {
  const lines: LogLine[] = [];
  const at =
    (level: keyof Log): Log['info'] =>
    (event, fields = {}) =>
      void lines.push({ level, event, fields });
  return {
    lines,
    events: () => lines.map(({ event }) => event),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}
