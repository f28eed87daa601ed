import { commonSteeringHeaders, consumerHeader, credentialHeader } from '../../../core/preset.ts';
import type { Finding } from '../finding.ts';
import { failed, ok, skipped } from '../finding.ts';
import { ask, bearer, describeReply, headersWith } from '../probe.ts';
import type { HeaderLines, Probe } from '../probe.ts';

const forged = 'forged-by-the-client';

/** Headers with which a client would act as somebody else, or as another request than the one that was judged. */
export async function checkSpoofed(probe: Probe): Promise<readonly Finding[]> {
  return [await spoofedHeaders(probe), await spoofedDecision(probe)];
}

async function spoofedHeaders(probe: Probe): Promise<Finding> {
  const check = 'spoofed-headers';
  const names = [...commonSteeringHeaders, ...probe.steering, credentialHeader, consumerHeader];
  const { reached, reply } = await ask(probe, probe.names.guarded, {
    path: '/open/spoofed',
    headers: [...bearer(probe.token.reveal()), ...names.map((name) => [name, forged] as const)],
  });
  if (reached === undefined) return skipped(check, `no request was allowed: ${describeReply(reply)}`);
  const passed = [...new Set(headersWith(reached, forged))];
  if (passed.length === 0) return ok(check, `none of ${names.length} forged headers reaches the upstream`);
  return failed(
    check,
    `forged headers reached the upstream: ${passed.join(', ')}`,
    `add ${passed.join(', ')} to upstream_headers of forward-auth, in lower case`,
  );
}

/** Each of these is denied; with what the client claims it would not be. */
async function spoofedDecision(probe: Probe): Promise<Finding> {
  const check = 'spoofed-decision';
  const { guarded, basePath } = probe.names;
  const claims: HeaderLines = [
    ['X-Forwarded-Uri', `${guarded.prefix}/open/x`],
    ['x-forwarded-method', 'GET'],
    ['X-Forwarded-Host', 'forged.example'],
    ['X-Forwarded-For', '203.0.113.7'],
    ['X-Forwarded-Proto', 'https'],
    ['X-CF-Raw-Uri', `${guarded.prefix}/open/x`],
    ['X-CF-Upstream-Uri', `${basePath}/open/x`],
    ['X-CF-Route', guarded.id],
    ['X-Original-URL', `${guarded.prefix}/open/x`],
    ['X-Rewrite-URL', `${guarded.prefix}/open/x`],
    ['X-HTTP-Method-Override', 'GET'],
  ];
  for (const [method, path] of [
    ['GET', '/closed/x'],
    ['DELETE', '/open/x'],
    ['POST', '/open/x'],
  ] as const) {
    const headers = [...bearer(probe.token.reveal()), ...claims];
    const { reached, reply } = await ask(probe, guarded, { method, path, headers });
    if (reached !== undefined || reply.status < 400) {
      return failed(
        check,
        `${method} of a path that is denied was allowed, for a header that claims another request`,
        'take every x-forwarded-* and x-cf-* out of request_headers of forward-auth',
      );
    }
  }
  return ok(check, 'X-Forwarded-*, X-CF-* and override headers of a client change no decision');
}
