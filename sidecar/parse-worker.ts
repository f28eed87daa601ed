/** The thread that parses resource files: here the documents meet the families that give them meaning. */
import { parentPort, workerData } from 'node:worker_threads';
import { checkInjection } from './injectors/index.ts';
import { presets } from './presets/index.ts';
import type { ParseJob } from './resources/parse-messages.ts';
import { serveParse } from './resources/serve-parse.ts';
import { checkSecretReference } from './secret-managers/index.ts';

if (parentPort !== null) {
  serveParse(parentPort, workerData as ParseJob, {
    presets,
    secretKinds: checkSecretReference,
    injectionProblems: checkInjection,
  });
}
