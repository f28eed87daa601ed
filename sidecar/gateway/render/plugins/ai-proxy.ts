import type { AiProxySpec } from '../../../core/resources.ts';
import type { GatewayPlugin } from '../gateway-configuration.ts';

/** Milliseconds, of each socket operation; the most that ai-proxy takes. */
const timeoutMs = 600_000;

/**
 * Runs after forward-auth (1040 and 2002) and sends the headers that it set. The endpoint holds the whole path: with scheme
 * and host alone ai-proxy would choose a path by what it finds in the body, and the policy would have judged another one.
 * It has no key of its own, which would win over the injected one.
 */
export function aiProxy({ provider, path, model }: AiProxySpec, baseUrl: string): GatewayPlugin {
  return {
    name: 'ai-proxy',
    comment:
      'Sends the request itself and counts tokens. No key of its own: the header that the sidecar injected passes. The endpoint is the path that the policy judged, and this route serves no other.',
    config: {
      provider,
      auth: { header: {} },
      ...(model === undefined ? {} : { options: { model } }),
      override: { endpoint: `${baseUrl}${path}`, request_body_force_override: false },
      ssl_verify: true,
      timeout: timeoutMs,
      keepalive: true,
      keepalive_pool: 320,
      logging: { summaries: false, payloads: false },
    },
  };
}
