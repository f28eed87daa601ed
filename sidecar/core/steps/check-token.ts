import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import type { Validation } from '../ports.ts';

/** Step 5, second half: facts → a consumer of today's snapshot. Times are judged at each decision, never cached. */
export function checkToken(d: Deliberation, validation: Validation): DenialCode | undefined {
  if ('deny' in validation) return validation.deny;
  d.token = validation;
  d.tokenId = validation.tokenId;
  d.consumerId = validation.consumerId;
  if (validation.revokedAtMs > 0) return 'token_revoked';
  if (validation.expiresAtMs <= d.nowMs) return 'token_expired';
  if (validation.notBeforeMs > d.nowMs) return 'token_not_yet_valid';
  const consumer = d.snapshot.consumers.get(validation.consumerId);
  if (consumer === undefined) return 'consumer_unknown';
  if (consumer.disabled) return 'consumer_disabled';
  d.consumer = consumer;
  return undefined;
}
