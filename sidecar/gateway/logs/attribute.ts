import type { LoggedRequest, LogSource } from '../../core/ports.ts';
import type { Snapshot, UpstreamEntry } from '../../core/snapshot.ts';
import { clientClosedRequest, type LogEntry } from './read-entry.ts';

/** Why an entry tells nothing of a credential. */
export type Unattributed = 'not_sent' | 'no_credential' | 'unknown_credential' | 'foreign_credential';

/**
 * Whose doing it was. Without an upstream's status the request was not sent on, and `cfcredential` is the client's own
 * writing. A gateway cannot have used the credential of an upstream that it may not ask for. A route that belongs to one upstream cannot have used the credential of another: the gateway adds the
 * route's id to each entry, and no client can write it.
 */
export function attribute(
  entry: LogEntry,
  snapshot: Snapshot,
  context: { readonly nowMs: number; readonly source: LogSource; readonly consumerId: string | undefined },
): LoggedRequest | Unattributed {
  const { upstreamStatus: status, versionId, routeId } = entry;
  if (status === undefined) return 'not_sent';
  if (versionId === '') return 'no_credential';
  const known = snapshot.credentialsByVersion.get(versionId);
  if (known === undefined) return 'unknown_credential';
  if (!mayUse(context.source, known.upstream.id, snapshot)) return 'foreign_credential';
  const ofRoute = snapshot.upstreamsByRoute.get(routeId);
  if (ofRoute !== undefined && ofRoute.id !== known.upstream.id) return 'foreign_credential';
  return {
    upstreamId: known.upstream.id,
    credentialId: known.credential.credentialId,
    versionId,
    // A gateway's clock may be ahead of ours; nothing was logged in the future.
    atMs: Math.min(entry.loggedAtMs ?? context.nowMs, context.nowMs),
    status,
    durationMs: entry.durationMs,
    headerMs: entry.headerMs,
    limits: entry.limits,
    abandoned: status === 0 && entry.clientStatus === clientClosedRequest,
    requestBytes: entry.requestBytes,
    responseBytes: entry.responseBytes,
    model: entry.model,
    promptTokens: entry.promptTokens,
    completionTokens: entry.completionTokens,
    consumerId: context.consumerId,
  };
}

/**
 * Which upstream's limits a request may have been counted by, as far as one can tell who did not decide on it. One that was not
 * sent on may have been allowed all the same (another plugin refused it): then it carries a version that we know, which nobody
 * else does. A flood of refused ones does not.
 */
export function allowedFor(entry: LogEntry, snapshot: Snapshot, source: LogSource): UpstreamEntry | undefined {
  const ofRoute = snapshot.upstreamsByRoute.get(entry.routeId);
  const ofVersion = snapshot.credentialsByVersion.get(entry.versionId)?.upstream;
  const upstream = ofVersion ?? (entry.upstreamStatus === undefined ? undefined : ofRoute);
  if (upstream === undefined || (ofRoute !== undefined && ofRoute.id !== upstream.id)) return undefined;
  return mayUse(source, upstream.id, snapshot) ? upstream : undefined;
}

/** Gateways are few: those that may ask have a key, and by it they are known. */
function mayUse({ gatewayId }: LogSource, upstreamId: string, { gatewaysByKey }: Snapshot): boolean {
  if (gatewayId === undefined) return true;
  for (const gateway of gatewaysByKey.values()) {
    if (gateway.id === gatewayId) return !gateway.disabled && (gateway.upstreams?.has(upstreamId) ?? true);
  }
  return false;
}
