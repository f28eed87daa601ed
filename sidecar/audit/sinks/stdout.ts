import type { Writable } from 'node:stream';
import type { AuditSink } from '../../core/ports.ts';

/** Writes to a stream, one JSON line a record, beside the log's lines; `event` tells them apart. */
export function createStdoutSink(deps: { readonly stream: Writable }): AuditSink {
  const { stream } = deps;
  // A reader that went away (EPIPE) is told by the write; it must not end the process.
  const ignore = (): void => undefined;
  stream.on('error', ignore);
  return {
    kind: 'stdout',
    write: (lines) =>
      new Promise((resolve, reject) => {
        stream.write(lines, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      }),
    close: () => {
      stream.off('error', ignore);
      return Promise.resolve();
    },
  };
}
