import { once } from 'node:events';
import type { Clock } from '../core/ports.ts';
import { contentHash } from '../resources/source-files.ts';
import { reportFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { stopSignals } from './watch-signals.ts';

const pollMs = 1_000;

/**
 * Syncs at once, after each change of a resource file, and every `intervalMs` (somebody may have changed the gateway). What
 * fails is said and tried again with the next interval or change. Resolves when a signal comes and nothing is under way.
 */
export async function watchGateway(
  options: { readonly files: readonly string[]; readonly intervalMs: number },
  deps: {
    readonly clock: Clock;
    readonly terminal: Terminal;
    readonly json: boolean;
    readonly sync: () => Promise<void>;
    /** Default: a signal. */
    readonly stop?: Promise<unknown>;
  },
): Promise<void> {
  const { clock, terminal, json, sync } = deps;
  const state = { stopped: false };
  const stopped = (deps.stop ?? Promise.race(stopSignals.map((signal) => once(process, signal)))).then(() => {
    state.stopped = true;
  });
  // The clock's timers keep no process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    for (;;) {
      const seen = await fingerprint(options.files);
      await sync().catch((error: unknown) => void reportFailure(error, terminal, json));
      const due = clock.monotonic() + options.intervalMs;
      do {
        await Promise.race([stopped, new Promise<void>((resolve) => void clock.after(pollMs, resolve))]);
        if (state.stopped) return;
      } while (clock.monotonic() < due && (await fingerprint(options.files)) === seen);
    }
  } finally {
    clearInterval(alive);
  }
}

async function fingerprint(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(contentHash))).join(' ');
}
