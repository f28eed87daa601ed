import { CredentialFlowError } from '../core/error.ts';
import type { Store } from '../core/ports.ts';
import { openSqliteStore } from './sqlite.ts';
import type { OpenStore, StoreDeps, StoreOptions } from './store-kind.ts';

/** The kinds of stores. A new one is its file and its line here. */
const kinds: ReadonlyMap<string, OpenStore> = new Map([['sqlite', openSqliteStore]]);

const postgres = new Set(['postgres', 'postgresql']);

export interface StoreUrl {
  readonly kind: string;
  /** What follows the scheme: for `sqlite` a path, or `:memory:`. */
  readonly location: string;
}

/** `sqlite:PATH` or `sqlite::memory:`. The URL may hold a password, so no error repeats it. */
export function parseStoreUrl(url: string): StoreUrl {
  const colon = url.indexOf(':');
  const kind = url.slice(0, Math.max(0, colon)).toLowerCase();
  const location = url.slice(colon + 1);
  if (postgres.has(kind)) {
    throw new CredentialFlowError(
      'config_invalid',
      'store: postgres comes with a later version of CredentialFlow; this one knows sqlite:PATH and sqlite::memory:',
    );
  }
  if (!kinds.has(kind)) {
    throw new CredentialFlowError('config_invalid', 'store: expected sqlite:PATH or sqlite::memory:');
  }
  // sqlite://data/x.db would be /data/x.db to some and ./data/x.db to others; sqlite:///data/x.db is clear.
  if (location === '' || (location.startsWith('//') && !location.startsWith('///'))) {
    throw new CredentialFlowError(
      'config_invalid',
      'store: expected a path after sqlite:, such as sqlite:data/store.db',
    );
  }
  return { kind, location };
}

/** The URL as it may be shown: without what could be a password. */
export function describeStoreUrl(url: string): string {
  const { kind, location } = parseStoreUrl(url);
  if (!URL.canParse(url) || !location.startsWith('//') || kind === 'sqlite') return `${kind}:${location}`;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/**
 * Opens the store of record. Rejects with `config_invalid` (the URL), `schema_newer` (written by a newer version), or
 * `store_failed`.
 */
export async function openStore(url: string, options: StoreOptions, deps: StoreDeps): Promise<Store> {
  const { kind, location } = parseStoreUrl(url);
  const open = kinds.get(kind);
  if (open === undefined) throw new CredentialFlowError('config_invalid', 'store: unknown kind');
  return open(location, options, deps);
}
