import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `condition` holds, for half a minute: real servers take their time on a busy machine. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; !(await condition()); attempt += 1) {
    assert.ok(attempt < 600, `not within 30 s: ${what}`);
    await sleep(50);
  }
}
