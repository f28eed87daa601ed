import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import type { UpstreamEntry } from '../snapshot.ts';

/** Step 8. The first credential version with a usable secret. An empty secret is a 503, never an empty slot. */
export function selectCredential(d: Deliberation, upstream: UpstreamEntry): DenialCode | undefined {
  if (upstream.credentials.length === 0) return 'credential_missing';
  for (const credential of upstream.credentials) {
    if (credential.headers === undefined) continue;
    d.credential = credential;
    return undefined;
  }
  return 'credential_unavailable';
}
