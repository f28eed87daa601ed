import type { Writable } from 'node:stream';
import type { AuditSink } from '../core/ports.ts';
import { createFileSink, type FileSinkOptions } from './sinks/file.ts';
import { createStdoutSink } from './sinks/stdout.ts';

type SinkKind = keyof typeof auditSinks;

/** Every place where audit lines can go. A new one: a file in sinks/ and a line here. */
const auditSinks = {
  file: (options: FileSinkOptions, _deps: { readonly stdout: Writable }): AuditSink => createFileSink(options),
  stdout: (_options: FileSinkOptions, deps: { readonly stdout: Writable }): AuditSink =>
    createStdoutSink({ stream: deps.stdout }),
  none: (): undefined => undefined,
} as const;

/** Undefined for `none`. Opens nothing yet. */
export function createAuditSink(
  kind: SinkKind,
  options: FileSinkOptions,
  deps: { readonly stdout: Writable },
): AuditSink | undefined {
  return auditSinks[kind](options, deps);
}
