import { parentPort, workerData } from 'node:worker_threads';
import type { ParseJob } from '../../../sidecar/resources/parse-messages.ts';
import { serveParse } from '../../../sidecar/resources/serve-parse.ts';
import { deps } from './deps.ts';

if (parentPort !== null) serveParse(parentPort, workerData as ParseJob, deps);
