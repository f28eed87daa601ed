import { createHmac } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

/**
 * A log key that is one gateway's own: its entries count for the upstreams of this gateway only. Made from the log key, so
 * that nothing is kept for it; a new log key ends them all.
 */
export function gatewayLogKey(logKey: Secret, gatewayId: string): string {
  const tag = createHmac('sha256', logKey.reveal())
    .update(`credentialflow log key of gateway ${gatewayId}`)
    .digest('hex');
  return `cfl.${gatewayId}.${tag}`;
}
