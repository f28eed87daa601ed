import type { LimitRefusal } from '../core/limit.ts';
import type { DenialAnswer } from './denial.ts';

/** Quota units of the draft, where there is one; its registry is open. */
const units = { llm_tokens: 'llm-tokens', cost: 'cost-micros', concurrent: 'concurrent-requests' } as const;

/** Which limit refused, and when it has room again (draft-ietf-httpapi-ratelimit-headers-10); ids need no escapes. */
export function withLimit(denial: DenialAnswer, { limit, retryAfterMs, known }: LimitRefusal): DenialAnswer {
  if (!known) return denial;
  const { id, most, measure, windowMs } = limit;
  const unit = measure === 'requests' ? '' : `;qu="${units[measure]}"`;
  const window = windowMs === 0 ? '' : `;w=${Math.ceil(windowMs / 1_000)}`;
  const headers = [
    'ratelimit-policy',
    `"${id}";q=${most}${unit}${window}`,
    'ratelimit',
    `"${id}";r=0;t=${Math.ceil(retryAfterMs / 1_000)}`,
  ];
  return { ...denial, headers: [...denial.headers, ...headers] };
}
