/** In the place of a parser: tells what it is, `hang` apart, which it never answers, and `die`, of which it dies half said. */
import { writeSync } from 'node:fs';
import { getPriority } from 'node:os';
import type { ParseAnswer, ParseJob } from '../../../sidecar/resources/parse-messages.ts';

/** The first descriptor after those of input, output and errors. */
const channel = 3;

process.on('message', ({ file }: ParseJob) => {
  if (file === 'hang') return;
  if (file === 'die') {
    // The length of a message that never comes.
    writeSync(channel, Buffer.from([0, 0, 1, 0, 1]));
    process.exit(1);
  }
  const told = { pid: process.pid, parent: process.ppid, priority: getPriority(), env: Object.keys(process.env) };
  const answer: ParseAnswer = { type: 'unreadable', missing: false, message: JSON.stringify(told) };
  process.send?.(answer, () => process.disconnect());
});
