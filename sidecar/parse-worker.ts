/** The thread that parses resource files. */
import { parentPort, workerData } from 'node:worker_threads';
import { resourceDeps } from './resource-deps.ts';
import type { ParseJob } from './resources/parse-messages.ts';
import { serveParse } from './resources/serve-parse.ts';

if (parentPort !== null) serveParse(parentPort, workerData as ParseJob, resourceDeps);
