import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { GatewayKey, GatewaySpec } from '../core/resources.ts';

/** The gateway that exists without being declared: whoever holds the configured gateway key. */
export const defaultGatewayId = 'default';

const system = { name: 'system', action: 'gateway.configure' } as const;

/**
 * Makes the configured key one of the default gateway's live keys. A key that the store does not know replaces the
 * current one, which stays valid for `overlapMs`; a key that was retired is refused, so that an old environment
 * variable brings nothing back.
 */
export async function ensureDefaultGateway(
  options: { readonly keyHash: string; readonly overlapMs: number },
  deps: { readonly store: Store; readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const record = await deps.store.getResource('gateway', defaultGatewayId);
  const now = deps.clock.now();
  if (record?.kind !== 'gateway') {
    const spec: GatewaySpec = {
      keys: [{ sha256: options.keyHash, created_at: new Date(now).toISOString() }],
      retired_keys: [],
      upstreams: ['*'],
      addresses: [],
    };
    await deps.store.write([{ op: 'put', kind: 'gateway', id: defaultGatewayId, owner: 'api', spec }], system);
    return;
  }
  const known = record.spec.keys.find((key) => key.sha256 === options.keyHash);
  if (known !== undefined && !isOver(known, now)) return;
  if (known !== undefined || record.spec.retired_keys.includes(options.keyHash)) {
    throw new CredentialFlowError(
      'config_invalid',
      'the configured gateway key was rotated out: configure the current one (CREDENTIALFLOW_GATEWAY_KEY or its _FILE twin)',
    );
  }
  if (record.owner !== 'api') {
    deps.log.warn('gateway_key_not_declared', { gateway: defaultGatewayId, owner: record.owner });
    return;
  }
  deps.log.warn('gateway_key_changed', { gateway: defaultGatewayId, previous_valid_ms: options.overlapMs });
  const spec = withNewKey(record.spec, options.keyHash, now, options.overlapMs);
  await deps.store.write([{ op: 'put', kind: 'gateway', id: defaultGatewayId, owner: 'api', spec }], system);
}

/** The new key is current, the one before it ends after the overlap, older ones are retired. */
export function withNewKey(spec: GatewaySpec, sha256: string, nowMs: number, overlapMs: number): GatewaySpec {
  const [current, ...older] = spec.keys;
  const created: GatewayKey = { sha256, created_at: new Date(nowMs).toISOString() };
  const ending = current === undefined ? [] : [{ ...current, expires_at: new Date(nowMs + overlapMs).toISOString() }];
  return {
    ...spec,
    keys: [created, ...ending],
    retired_keys: [...spec.retired_keys, ...older.map((key) => key.sha256)],
  };
}

function isOver(key: GatewayKey, nowMs: number): boolean {
  return key.expires_at !== undefined && Date.parse(key.expires_at) <= nowMs;
}
