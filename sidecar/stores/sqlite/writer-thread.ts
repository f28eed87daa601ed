import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CredentialFlowError } from '../../core/error.ts';
import type { Log } from '../../core/ports.ts';
import { faultName } from '../fault-name.ts';
import { fromWire, storeFault, type WireFault } from './faults.ts';
import type { Migrated } from './migrate.ts';
import type { WriterPort, WriterRequest } from './writer-port.ts';
import type { WriterOptions } from './writer.ts';

/** Reply 0 says that the database is open. */
export type WriterReply =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly fault: WireFault };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (fault: CredentialFlowError) => void;
}

/** The worker beside this file: `.ts` where the source runs, `.js` where it was compiled. */
export const writerWorkerUrl = new URL(`./writer-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Starts the thread that owns the writing connection. When it dies, whatever waits and whatever is asked later gets
 * `store_failed`; reads go on. The thread keeps the process alive only while something waits for it.
 */
export async function startWriterThread(
  options: WriterOptions,
  deps: { readonly log: Log; /** Default: the writer. */ readonly workerUrl?: URL },
): Promise<{ readonly port: WriterPort; readonly migrated: Migrated }> {
  const worker = new Worker(deps.workerUrl ?? writerWorkerUrl, {
    workerData: options,
    name: 'store-writer',
    // Flags of the process (`--input-type`, `--eval`) are not the thread's business, and some stop it.
    execArgv: [],
  });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let closing = false;
  let dead: CredentialFlowError | undefined;

  function settle(reply: WriterReply): void {
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    if ('fault' in reply) waiter?.reject(fromWire(reply.fault));
    else waiter?.resolve(reply.result);
  }

  function die(reason: string): void {
    if (dead !== undefined) return;
    dead = new CredentialFlowError('store_failed', closing ? 'the store is closed' : `the writer died (${reason})`);
    if (!closing) deps.log.error('store_writer_died', { reason });
    for (const waiter of waiting.values()) waiter.reject(dead);
    waiting.clear();
  }

  worker.on('message', settle);
  worker.on('error', (error) => die(faultName(error)));
  worker.on('messageerror', () => die('message'));
  worker.on('exit', (code) => die(`exit ${code}`));

  function wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.ref();
    });
  }

  async function ask(method: WriterRequest['method'], args: readonly unknown[]): Promise<unknown> {
    if (dead !== undefined) throw dead;
    lastId += 1;
    const id = lastId;
    try {
      worker.postMessage({ id, method, args } satisfies WriterRequest);
    } catch (error) {
      throw storeFault(error);
    }
    return wait(id);
  }

  const port: WriterPort = {
    // The writer answers each method with its own result; see `invoke`.
    call: (method, ...args) => ask(method, args) as never,
    async close() {
      if (closing) return;
      closing = true;
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      if (dead !== undefined) return;
      await ask('close', []);
      // Nothing waits for an answer now, but the caller waits for the thread.
      worker.ref();
      await exited;
    },
  };

  return { port, migrated: (await wait(0)) as Migrated };
}
