import type { DenialCode } from '../codes.ts';
import type { DecisionContext, Deliberation } from '../decision.ts';
import type { GatewayEntry } from '../snapshot.ts';

export const gatewayKeyHeader = 'x-cf-gateway-key';
const unresolvedReference = '://';

/**
 * Step 1. Whoever may ask can collect secrets, so nothing else is looked at before the caller has proved that it is a
 * gateway: by the SHA-256 of the key it presents, whose time tells nothing about the keys that are known.
 */
export function identifyGateway(d: Deliberation, ctx: DecisionContext): DenialCode | undefined {
  const { headers, conflicting, address } = d.question;
  const key = headers[gatewayKeyHeader];
  if (key === undefined || key === '') return 'gateway_key_missing';
  // APISIX before 3.17 (and later ones with an unset variable) send what `$env://NAME` leaves behind (facts, 1).
  if (key.startsWith(unresolvedReference)) return 'gateway_key_unresolved';
  if (conflicting.length > 0 && conflicting.includes(gatewayKeyHeader)) return 'gateway_key_unknown';
  const hash = ctx.hashGatewayKey(key);
  const gateway = d.snapshot.gatewaysByKey.get(hash);
  if (gateway === undefined || gateway.disabled) return 'gateway_key_unknown';
  if (!isLive(gateway, hash, d.nowMs)) return 'gateway_key_unknown';
  if (gateway.allowsAddress !== undefined && !gateway.allowsAddress(address)) return 'gateway_address_forbidden';
  d.gateway = gateway;
  return undefined;
}

/** Hashes may be compared as any text: how far two of them agree says nothing about the key behind one. */
function isLive(gateway: GatewayEntry, hash: string, nowMs: number): boolean {
  for (const known of gateway.keys) if (known.sha256 === hash && known.expiresAtMs > nowMs) return true;
  return false;
}
