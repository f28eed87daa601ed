import type { Config } from '../config/config.ts';
import type { Readiness } from '../http/health-routes.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';
import type { StoreLink } from './store-link.ts';

export interface ReadinessDeps {
  readonly link: StoreLink;
  readonly keeper: SnapshotKeeper;
  readonly isDraining: () => boolean;
  /** The store's last write found no room. */
  readonly isStorageFull: () => boolean;
  /** Of the parts that decide and record. */
  readonly troubles: () => readonly string[];
}

/** Whether this sidecar should be asked, and what an operator should know. */
export function createReadiness(config: Config, deps: ReadinessDeps): () => Readiness {
  const { link, keeper, isDraining } = deps;
  const lateMs = config.changes.pollMs * 4 + 1_000;

  function aboutStore(): readonly string[] {
    const source = link.source();
    if (source.from === 'last_good') {
      const confirmed = new Date(source.confirmedAtMs).toISOString();
      return [`store: not reached since the start (what was known at ${confirmed} is served until max_stale)`];
    }
    return link.stateAgeMs() > lateMs ? ['store: changes cannot be read'] : [];
  }

  return () => {
    const reasons = [
      ...(isDraining() ? ['draining'] : []),
      ...(keeper.current() === undefined ? ['no snapshot yet'] : []),
      ...aboutStore(),
      ...(deps.isStorageFull() ? ['store: its disk is full; decisions go on, changes are refused'] : []),
      ...link.tokens.troubles(),
      ...deps.troubles(),
    ];
    return { ready: !isDraining() && keeper.current() !== undefined, reasons };
  };
}
