import type { RewrapStep } from '../keys/rewrap.ts';
import type { AdminApi } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { exitCodes } from './exit-codes.ts';

export interface Rewrapped {
  readonly rewrapped: number;
  readonly left: RewrapStep['left'];
  readonly failed: RewrapStep['failed'];
}

type Answer = Omit<RewrapStep, 'next'> & { readonly next: string | null };

/** A batch may wait for other writes; milliseconds. */
const timeoutMs = 60_000;
/** What others change meanwhile is met again in the next pass. */
const maxPasses = 5;

/** Batch after batch, with progress on stderr. Where it is cut off, the same command goes on. */
export async function rewrapAll(api: AdminApi, everySidecarHas: string | undefined, cli: Cli): Promise<Rewrapped> {
  let rewrapped = 0;
  for (let pass = 1; ; pass++) {
    const left: RewrapStep['left'][number][] = [];
    const failed: RewrapStep['failed'][number][] = [];
    let skipped = 0;
    let after: string | null = null;
    do {
      const json = { after: after ?? undefined, every_sidecar_has: everySidecarHas };
      const step = (await api.call({ method: 'POST', path: '/keys/rewrap', json, timeoutMs })) as Answer;
      rewrapped += step.rewrapped;
      skipped += step.skipped;
      left.push(...step.left);
      failed.push(...step.failed);
      after = step.next;
      if (step.rewrapped > 0) cli.terminal.err(`${rewrapped} secrets sealed with the current key\n`);
    } while (after !== null);
    if (skipped === 0 || pass === maxPasses) return report({ rewrapped, left, failed }, cli);
  }
}

function report(result: Rewrapped, cli: Cli): Rewrapped {
  const warn = (text: string): void => cli.terminal.err(`${cli.terminal.paint('yellow', 'warning:')} ${text}\n`);
  for (const { id, owner, version } of result.left) {
    warn(`credential/${id} is sealed with ${version} in ${owner}: seal it again there`);
  }
  for (const { id, problem } of result.failed) warn(`credential/${id} does not open: ${problem}`);
  if (result.failed.length > 0) cli.finish(exitCodes.failed);
  return result;
}
