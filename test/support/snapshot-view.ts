/** What a decision can see of a snapshot, as plain values that can be compared. */
import type { ResourceChange } from '../../sidecar/core/ports.ts';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import type { Snapshot, UpstreamEntry } from '../../sidecar/core/snapshot.ts';
import type { RuleIndex } from '../../sidecar/core/rule-index.ts';
import type { Table } from '../../sidecar/core/table.ts';

const groupNames = ['a', 'b', 'g1', 'g2'];
const addresses = ['192.0.2.1', '10.1.2.3', '2001:db8::7'];

export function viewOf(snapshot: Snapshot): Readonly<Record<string, unknown>> {
  const gateway = (entry: { readonly allowsAddress: ((address: string) => boolean) | undefined }) => ({
    ...entry,
    allowsAddress: addresses.map((address) => entry.allowsAddress?.(address)),
  });
  const upstream = (entry: UpstreamEntry) => ({
    ...entry,
    rules: entry.rules.map(rulesOf),
    shadowRules: entry.shadowRules.map(rulesOf),
    credentials: entry.credentials.map((version) => ({ ...version, headers: version.headers?.reveal() })),
  });
  return {
    ...snapshot,
    gatewaysByKey: mapped(snapshot.gatewaysByKey, gateway),
    upstreams: mapped(snapshot.upstreams, upstream),
    upstreamsByRoute: mapped(snapshot.upstreamsByRoute, upstream),
    credentialsByVersion: mapped(snapshot.credentialsByVersion, (entry) => upstream(entry.upstream)),
    consumers: mapped(snapshot.consumers, (entry) => entry),
    allGroupsOf: groupNames.map((name) => snapshot.allGroupsOf([name])),
    issuers: mapped(snapshot.issuers, (entry) => entry),
    revocations: mapped(snapshot.revocations, (entry) => entry),
    policiesBySubject: mapped(snapshot.policiesBySubject, (entry) => entry),
  };
}

export async function* chunksOf(
  ...chunks: readonly (readonly ResourceRecord[])[]
): AsyncGenerator<readonly ResourceRecord[], void> {
  yield* chunks;
}

export async function* changesOf(
  ...chunks: readonly (readonly ResourceChange[])[]
): AsyncGenerator<readonly ResourceChange[], void> {
  yield* chunks;
}

function rulesOf(index: RuleIndex): unknown {
  return mapped(index as Table<unknown>, withoutFunctions);
}

/** A compiled condition is one like another; which one it is says the policy. */
function withoutFunctions(value: unknown): unknown {
  if (typeof value === 'function') return 'function';
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, withoutFunctions(one)]));
  if (value instanceof Set || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutFunctions);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutFunctions(one)]));
}

/** Sizes are part of it: a table that miscounts is another one. */
function mapped<V, W>(
  table: Table<V>,
  map: (value: V) => W,
): { readonly size: number; readonly entries: Map<string, W> } {
  const entries = new Map<string, W>();
  for (const [key] of table.entries()) {
    const value = table.get(key);
    if (value !== undefined) entries.set(key, map(value));
  }
  return { size: table.size, entries };
}
