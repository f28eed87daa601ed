import type { DenialCode } from '../codes.ts';
import { equalInConstantTime } from '../constant-time.ts';
import type { DecisionContext, Deliberation } from '../decision.ts';

export const gatewayKeyHeader = 'x-cf-gateway-key';
const unresolvedReference = '://';

/**
 * Step 1. Whoever may ask can collect secrets, so nothing else is looked at before the caller has proved that it is a
 * gateway: SHA-256 of the presented key, then a constant-time comparison with the live key of that hash.
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
  const live = gateway.keys.some((known) => known.expiresAtMs > d.nowMs && equalInConstantTime(known.sha256, hash));
  if (!live) return 'gateway_key_unknown';
  if (gateway.allowsAddress !== undefined && !gateway.allowsAddress(address)) return 'gateway_address_forbidden';
  d.gateway = gateway;
  return undefined;
}
