import type { LimitRefusal } from '../core/limit.ts';
import type { DenialAnswer } from './denial.ts';

/** Which limit refused, and when it has room again (draft-ietf-httpapi-ratelimit-headers-10); ids need no escapes. */
export function withLimit(denial: DenialAnswer, { limit, retryAfterMs, known }: LimitRefusal): DenialAnswer {
  if (!known) return denial;
  const { id, requests, windowMs } = limit;
  const headers = [
    'ratelimit-policy',
    `"${id}";q=${requests};w=${Math.ceil(windowMs / 1_000)}`,
    'ratelimit',
    `"${id}";r=0;t=${Math.ceil(retryAfterMs / 1_000)}`,
  ];
  return { ...denial, headers: [...denial.headers, ...headers] };
}
