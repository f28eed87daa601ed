import { CredentialFlowError } from '../core/error.ts';
import type { Clock } from '../core/ports.ts';
import type { ResourceRecord } from '../core/resources.ts';
import { decodeHead, decodeResource, decodeToken, type KnownToken, type LastGoodHead } from './content.ts';
import { headName, resourcesName, type LastGoodFiles } from './files.ts';

/** What a sidecar knew when it last could read its store. */
export interface LastGood {
  readonly head: LastGoodHead;
  readonly resources: readonly ResourceRecord[];
  /** The hottest first. */
  readonly tokens: readonly KnownToken[];
}

/** The last good state, or why there is none to be used. Never rejects. */
export async function readLastGood(
  options: { /** The store that is meant, as {@link LastGoodHead.locator}. */ readonly locator: string },
  deps: { readonly files: Pick<LastGoodFiles, 'read'>; readonly clock: Pick<Clock, 'now'> },
): Promise<LastGood | { readonly problem: string }> {
  try {
    const lines = await deps.files.read(headName);
    if (lines === undefined) return { problem: 'none was written yet' };
    const [first = '', ...tokens] = lines;
    const head = decodeHead(first);
    if (head.locator !== options.locator) return { problem: 'it is the state of another store' };
    if (head.confirmedAtMs > deps.clock.now()) {
      return { problem: `the clock says that it is earlier than the state (${timeOf(head)}), so its age is not known` };
    }
    const resources = await deps.files.read(resourcesName(head.resourcesId));
    if (resources === undefined) return { problem: 'the file of its resources is missing' };
    return { head, resources: [...resources].map(decodeResource), tokens: tokens.map(decodeToken) };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

function timeOf({ confirmedAtMs }: LastGoodHead): string {
  return new Date(confirmedAtMs).toISOString();
}

/** No text of JSON.parse or the file system: it may quote what it read. */
function reasonOf(error: unknown): string {
  if (error instanceof CredentialFlowError || error instanceof RangeError) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown form';
  return `it cannot be read (${code})`;
}
