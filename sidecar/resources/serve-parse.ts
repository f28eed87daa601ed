import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { serialize } from 'node:v8';
import { isMissing } from '../config/config-document.ts';
import type { ResourceDeps } from './kind.ts';
import type { ParseAnswer, ParseJob, ParseRequest } from './parse-messages.ts';
import { parseResources } from './parse.ts';
import type { Parsed } from './parse.ts';
import { maxFileBytes } from './read-items.ts';

/**
 * They cross packed, so that the main thread hands them to the store without a look at each; and so few that neither this
 * process nor the store's writer holds a processor for long.
 */
const chunkSize = 10;

/** A text of which the documents take tens of megabytes. */
const largeBytes = 128 * 1024;

/**
 * The parser's side of a load: reads and parses the file of the first message, then hands out its declarations in
 * chunks, one for each message after it. Called by the module of the process, which knows the families.
 */
export function serveParse(parent: NodeJS.Process, deps: ResourceDeps): void {
  parent.once('message', (job: ParseRequest) => {
    if (job !== 'next') parse(parent, job, deps);
  });
}

function parse(parent: NodeJS.Process, job: ParseJob, deps: ResourceDeps): void {
  const answer = (message: ParseAnswer): void => void parent.send?.(message);
  // Not `exit`, which leaves it to the kernel to take down what memory there is.
  const answerAndEnd = (message: ParseAnswer): void => void parent.send?.(message, () => parent.disconnect());
  const read = job.text === undefined ? readBytes(job.file) : { bytes: Buffer.from(job.text) };
  if ('type' in read) {
    answerAndEnd(read);
    return;
  }
  const parsed = parseBytes(read.bytes, job, deps);
  const sha256 = createHash('sha256').update(read.bytes).digest('hex');
  const { mutations, problems, refusal } = parsed;
  const head: ParseAnswer = { type: 'parsed', sha256, count: mutations.length, problems, refusal };
  if (refusal !== undefined) {
    answerAndEnd(head);
    return;
  }
  if (read.bytes.length > largeBytes) giveMemoryBack();
  answer(head);
  let at = 0;
  parent.on('message', () => {
    if (at >= mutations.length) {
      answerAndEnd({ type: 'end' });
      return;
    }
    answer({ type: 'chunk', packed: serialize(mutations.slice(at, at + chunkSize)) });
    at += chunkSize;
  });
}

/**
 * What the documents took, some 200 bytes for each of the text's, piece by piece, while the store has nothing to do yet. A
 * process that ends with it holds a processor from the decisions for 4 ms at a time, beside the store's writer, which has
 * the other one.
 */
function giveMemoryBack(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

type Unreadable = Extract<ParseAnswer, { readonly type: 'unreadable' }>;

function readBytes(file: string): { readonly bytes: Buffer } | Unreadable {
  try {
    if (statSync(file).size > maxFileBytes) {
      return { type: 'unreadable', missing: false, message: 'the file is larger than 64 MiB' };
    }
    return { bytes: readFileSync(file) };
  } catch (error) {
    const missing = isMissing(error);
    return { type: 'unreadable', missing, message: missing ? 'the file does not exist' : 'the file cannot be read' };
  }
}

function parseBytes(bytes: Buffer, job: ParseJob, deps: ResourceDeps): Parsed {
  const { file, owner, beside, tokensEndByMs } = job;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const problems = [{ severity: 'error' as const, message: 'the file is not UTF-8', file }];
    return { mutations: [], problems, refusal: 'resource_invalid' };
  }
  return parseResources(text, file, deps, { owner, beside, tokensEndByMs });
}
