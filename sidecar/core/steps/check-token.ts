import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import { findConsumer } from '../find-consumer.ts';
import type { Validation } from '../ports.ts';

/** Step 5, second half: facts → a consumer of today's snapshot. */
export function checkToken(d: Deliberation, validation: Validation): DenialCode | undefined {
  if ('deny' in validation) return validation.deny;
  d.token = validation;
  d.tokenId = validation.tokenId;
  d.consumerId = validation.consumerId;
  d.scopes = validation.issued?.scopes;
  const consumer = findConsumer(validation, d.snapshot, d.nowMs);
  if ('deny' in consumer) return consumer.deny;
  d.consumer = consumer;
  return undefined;
}
