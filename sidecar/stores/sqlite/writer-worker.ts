/** The writer's thread: opens the database, says so, then answers one request after the other. */
import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { toWire } from './faults.ts';
import type { WriterReply } from './writer-thread.ts';
import { openWriter, type OpenedWriter, type WriterOptions } from './writer.ts';
import { invoke, type WriterRequest } from './writer-port.ts';

/** A tenth of an equal share when both want the same processor, the whole of it when only one does. */
const niceness = 10;

function post(reply: WriterReply): void {
  parentPort?.postMessage(reply);
}

function open(): OpenedWriter | undefined {
  try {
    const opened = openWriter(workerData as WriterOptions);
    post({ id: 0, result: opened.migrated });
    return opened;
  } catch (error) {
    post({ id: 0, fault: toWire(error) });
    parentPort?.close();
    return undefined;
  }
}

/** After the decisions, wherever the two want the same processor: one of equal rank would hold them for 4 ms at a time. */
function giveWay(): void {
  // Linux alone gives each thread a priority of its own; elsewhere this would be the whole process's.
  if (process.platform !== 'linux') return;
  try {
    // Never higher than that of the process, which may be lower already; and to rise is not permitted to everybody.
    setPriority(0, Math.max(getPriority(0), niceness));
  } catch {
    // Then it is as important as the rest.
  }
}

giveWay();
const opened = open();
if (opened !== undefined) {
  const { writer } = opened;
  parentPort?.on('message', (request: WriterRequest) => {
    try {
      post({ id: request.id, result: invoke(writer, request.method, request.args) });
    } catch (error) {
      post({ id: request.id, fault: toWire(error) });
    }
    if (request.method === 'close') parentPort?.close();
  });
}
