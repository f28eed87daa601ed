import { storeFault } from './faults.ts';
import type { Writer } from './writer.ts';

/** How the main thread reaches the writer, wherever it runs. Rejects with CredentialFlowErrors, never hangs. */
export interface WriterPort {
  call<M extends keyof Writer>(method: M, ...args: Parameters<Writer[M]>): Promise<ReturnType<Writer[M]>>;
  close(): Promise<void>;
}

/** What crosses to the writer's thread. */
export interface WriterRequest {
  readonly id: number;
  readonly method: keyof Writer;
  readonly args: readonly unknown[];
}

/** For a database in memory, which no second thread can open. */
export function createInlineWriterPort(writer: Writer): WriterPort {
  let closed = false;
  return {
    async call(method, ...args) {
      try {
        return invoke(writer, method, args);
      } catch (error) {
        throw storeFault(error);
      }
    },
    async close() {
      if (!closed) writer.close();
      closed = true;
    },
  };
}

/** The method's own types hold the arguments and the result together; the call by name cannot show it. */
export function invoke<M extends keyof Writer>(
  writer: Writer,
  method: M,
  args: readonly unknown[],
): ReturnType<Writer[M]> {
  const run = writer[method] as (...args: readonly unknown[]) => ReturnType<Writer[M]>;
  return run(...args);
}
