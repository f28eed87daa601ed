import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';

const decisive = ['x-forwarded-method', 'x-forwarded-uri', 'x-cf-route', 'x-cf-raw-uri', 'x-cf-upstream-uri'] as const;

/**
 * Step 2. The gateway's description of the client's request. The path judged is the one the upstream receives:
 * `X-CF-Upstream-Uri` where the route rewrites, else the raw URI; forward-auth's own `X-Forwarded-Uri` is decoded
 * by nginx and only says that the question is one of forward-auth's (facts, 1). A missing request id never denies.
 */
export function readRequest(d: Deliberation): DenialCode | undefined {
  const { headers, conflicting } = d.question;
  if (conflicting.length > 0 && decisive.some((name) => conflicting.includes(name))) return 'request_malformed';
  const method = headers['x-forwarded-method'];
  const raw = headers['x-cf-raw-uri'];
  if (method === undefined || method === '' || raw === undefined || raw === '') return 'request_malformed';
  d.method = method;
  d.requestId = headers['x-cf-request-id'] ?? '';
  const rewritten = headers['x-cf-upstream-uri'];
  d.target = rewritten !== undefined && rewritten !== '' ? rewritten : raw;
  return undefined;
}
