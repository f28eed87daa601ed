import type { HealthBoard, SharedHealth } from '../core/health.ts';
import type { Clock } from '../core/ports.ts';
import type { HealthMonitor } from './monitor.ts';

export interface HealthSharing {
  /** There is news: do not wait for the next round. Returns at once. */
  hurry(): void;
  stop(): void;
}

/** The newest are kept; what falls off, each sidecar finds out itself. */
const maxWords = 300;

/**
 * Keeps the board and the monitor in step: reads it, learns from it, and writes it where this sidecar knows something
 * newer. Two that write at once lose one of both; the loser sees that at its next round and writes again. Where the
 * board is away nothing is said: each sidecar learns for itself.
 */
export function createHealthSharing(
  options: { readonly pollMs: number },
  deps: {
    readonly board: HealthBoard;
    readonly monitor: Pick<HealthMonitor, 'learn' | 'words'>;
    readonly clock: Clock;
  },
): HealthSharing {
  const { board, monitor, clock } = deps;
  let isUnderWay = false;
  let again = false;
  let stopped = false;

  async function exchange(): Promise<void> {
    const written = await board.read();
    if (stopped) return;
    monitor.learn(written);
    const known = newestOf(written, monitor.words());
    if (known !== undefined) await board.write(known);
  }

  async function round(): Promise<void> {
    if (isUnderWay || stopped) {
      again = true;
      return;
    }
    isUnderWay = true;
    // The cache's own breaker and report say that it is away.
    await exchange().catch(() => undefined);
    isUnderWay = false;
    if (!again) return;
    again = false;
    void round();
  }

  const stopPolling = clock.every(options.pollMs, () => {
    if (!isUnderWay) void round();
  });
  return {
    hurry: () => void round(),
    stop() {
      stopped = true;
      stopPolling();
    },
  };
}

/** Both together, of each credential the newest; undefined: nothing of ours is newer than what is written. */
function newestOf(
  written: readonly SharedHealth[],
  ours: readonly SharedHealth[],
): readonly SharedHealth[] | undefined {
  const newest = new Map(written.map((word) => [word.versionId, word]));
  let isNews = false;
  for (const word of ours) {
    if ((newest.get(word.versionId)?.atMs ?? 0) >= word.atMs) continue;
    newest.set(word.versionId, word);
    isNews = true;
  }
  if (!isNews) return undefined;
  return [...newest.values()].sort((a, b) => b.atMs - a.atMs).slice(0, maxWords);
}
