import type { Deliberation } from '../decision.ts';
import { consumerHeader } from '../preset.ts';
import { Secret } from '../secret.ts';
import type { CredentialVersion, UpstreamEntry } from '../snapshot.ts';

/**
 * Step 8. The headers were laid out when the snapshot was built (an absent header would let the client's own pass on
 * APISIX before 3.17); what depends on the request is added here: the identity header and passed-through slots.
 */
export function inject(
  d: Deliberation,
  upstream: UpstreamEntry,
  credential: CredentialVersion,
): Secret<readonly string[]> | undefined {
  if (credential.headers === undefined) return undefined;
  if (!upstream.identityHeader && upstream.passthrough.length === 0) return credential.headers;
  const headers = [...credential.headers.reveal()];
  if (upstream.identityHeader) {
    const at = headers.indexOf(consumerHeader);
    headers[at + 1] = d.consumerId;
  }
  for (const name of upstream.passthrough) {
    const value = d.question.headers[name];
    if (value !== undefined) headers.push(name, value);
  }
  return new Secret(headers);
}
