import type { GatewaySpec, ResourceRecordOf } from '../core/resources.ts';
import type { GatewayEntry, SnapshotProblem } from '../core/snapshot.ts';
import { createAddressMatcher } from './address-matcher.ts';

export interface CompiledGateway {
  readonly spec: GatewaySpec;
  readonly entry: GatewayEntry;
}

/** Throws a RangeError for an address that is none. */
export function compileGateway({ id, spec, disabled }: ResourceRecordOf<'gateway'>): CompiledGateway {
  const entry = {
    id,
    disabled,
    keys: spec.keys.map((key) => ({
      sha256: key.sha256,
      expiresAtMs: key.expires_at === undefined ? Infinity : Date.parse(key.expires_at),
    })),
    upstreams: spec.upstreams.includes('*') ? undefined : new Set(spec.upstreams),
    allowsAddress: spec.addresses.length === 0 ? undefined : createAddressMatcher(spec.addresses),
  };
  return { spec, entry };
}

/** By key. A key of several gateways is the one's with the last id, and a problem of the others. */
export function indexByKey(gateways: Iterable<CompiledGateway>): {
  readonly gatewaysByKey: ReadonlyMap<string, GatewayEntry>;
  readonly problems: readonly SnapshotProblem[];
} {
  const holders = new Map<string, GatewayEntry[]>();
  for (const { entry: gateway } of gateways) {
    for (const sha256 of new Set(gateway.keys.map((key) => key.sha256))) {
      const others = holders.get(sha256);
      if (others === undefined) holders.set(sha256, [gateway]);
      else others.push(gateway);
    }
  }
  const gatewaysByKey = new Map<string, GatewayEntry>();
  const problems: SnapshotProblem[] = [];
  for (const [sha256, [first, ...others]] of holders) {
    if (first === undefined) continue;
    const holder = others.reduce((last, gateway) => (gateway.id > last.id ? gateway : last), first);
    gatewaysByKey.set(sha256, holder);
    const message = `a key of it is also the gateway "${holder.id}"'s, and counts as that one's`;
    for (const { id } of [first, ...others]) if (id !== holder.id) problems.push({ kind: 'gateway', id, message });
  }
  return { gatewaysByKey, problems };
}
