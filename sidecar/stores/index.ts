import { CredentialFlowError } from '../core/error.ts';
import type { Store } from '../core/ports.ts';
import { parsePostgresLocation } from './postgres/url.ts';
import { sqlite } from './sqlite.ts';
import type { StoreDeps, StoreKind, StoreOptions } from './store-kind.ts';

/** Its client is loaded where it is used: an embedded sidecar does without. */
const postgres: StoreKind = {
  form: 'postgres://user:password@host:port/database',
  check: parsePostgresLocation,
  open: async (...args) => (await import('./postgres.ts')).openPostgresStore(...args),
};

/** The kinds of stores by the scheme of their URLs. A new one is its file and its line here. */
const kinds: ReadonlyMap<string, StoreKind> = new Map([
  ['sqlite', sqlite],
  ['postgres', postgres],
  ['postgresql', postgres],
]);

export interface StoreUrl {
  readonly kind: string;
  /** What follows the scheme: for `sqlite` a path, or `:memory:`. */
  readonly location: string;
}

/** Throws `config_invalid`. The URL may hold a password, so no error repeats it. */
export function parseStoreUrl(url: string): StoreUrl {
  const { kind, scheme, location } = readUrl(url);
  kind.check(location);
  return { kind: scheme, location };
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
  const { kind, location } = readUrl(url);
  kind.check(location);
  return kind.open(location, options, deps);
}

function readUrl(url: string): { readonly kind: StoreKind; readonly scheme: string; readonly location: string } {
  const colon = url.indexOf(':');
  const scheme = url.slice(0, Math.max(0, colon)).toLowerCase();
  const kind = kinds.get(scheme);
  if (kind === undefined) {
    const forms = [...new Set(kinds.values())].map(({ form }) => form).join(' or ');
    throw new CredentialFlowError('config_invalid', `store: expected ${forms}`);
  }
  return { kind, scheme, location: url.slice(colon + 1) };
}
