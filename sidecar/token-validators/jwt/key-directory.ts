import type { Clock, Log } from '../../core/ports.ts';
import type { IssuerEntry, Snapshot } from '../../core/snapshot.ts';
import { createIssuerKeys, type IssuerKeys, type IssuerKeysReport } from './issuer-keys.ts';
import { loadKeys, type KeyLoaderDeps } from './load-keys.ts';

/** The keys of every issuer of the snapshot. */
export interface KeyDirectory {
  of(issuer: IssuerEntry): IssuerKeys;
  /** By the issuers' ids. */
  report(): Readonly<Record<string, IssuerKeysReport>>;
  stop(): void;
}

export interface KeyDirectoryDeps extends KeyLoaderDeps {
  readonly snapshot: () => Snapshot | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: (issuer: string, outcome: 'read' | 'failed') => void;
}

/** How soon keys of a new issuer are asked for, without waiting for its first token. */
const followMs = 1_000;

export function createKeyDirectory(deps: KeyDirectoryDeps): KeyDirectory {
  const known = new Map<string, { issuer: IssuerEntry; readonly source: string; readonly keys: IssuerKeys }>();
  let followed: Snapshot['issuers'] | undefined;

  function of(issuer: IssuerEntry): IssuerKeys {
    const held = known.get(issuer.id);
    if (held?.issuer === issuer) return held.keys;
    const source = sourceOf(issuer);
    if (held?.source === source) {
      held.issuer = issuer;
      return held.keys;
    }
    held?.keys.stop();
    const keys = createIssuerKeys(issuer.id, {
      ...deps,
      load: () => loadKeys(issuer, deps),
      observe: (outcome) => {
        deps.observe(issuer.id, outcome);
      },
    });
    known.set(issuer.id, { issuer, source, keys });
    return keys;
  }

  function follow(): void {
    const issuers = deps.snapshot()?.issuers;
    if (issuers === undefined || issuers === followed) return;
    followed = issuers;
    const wanted = new Set<string>();
    for (const issuer of issuers.values()) {
      const { introspection } = issuer.spec;
      if (issuer.disabled || introspection?.signed === false) continue;
      wanted.add(issuer.id);
      of(issuer);
    }
    for (const [id, { keys }] of known) {
      if (wanted.has(id)) continue;
      keys.stop();
      known.delete(id);
    }
  }

  follow();
  const cancel = deps.clock.every(followMs, follow);
  return {
    of,
    report: () => Object.fromEntries([...known].map(([id, { keys }]) => [id, keys.report()])),
    stop() {
      cancel();
      for (const { keys } of known.values()) keys.stop();
      known.clear();
    },
  };
}

/** What the keys depend on: another mapping of claims is no reason to read them again. */
function sourceOf({ spec }: IssuerEntry): string {
  const { issuer, keys, algorithms, allow_private: allowPrivate, ca_file: caFile, bearer } = spec;
  return JSON.stringify([issuer, keys, algorithms, allowPrivate, caFile, bearer]);
}
