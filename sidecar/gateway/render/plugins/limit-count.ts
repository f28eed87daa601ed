import { consumerHeader } from '../../../core/preset.ts';
import type { UpstreamGatewaySpec } from '../../../core/resources.ts';
import type { GatewayPlugin } from '../gateway-configuration.ts';

/** Counts by the header that the sidecar answered. It has no hyphen, so no client's header joins it (facts, 4). */
export function limitCount({ count, window_s: window }: NonNullable<UpstreamGatewaySpec['limit']>): GatewayPlugin {
  return {
    name: 'limit-count',
    comment: `After forward-auth: $http_${consumerHeader} is the sidecar's answer, never the client's. Each gateway counts its own.`,
    config: {
      count,
      time_window: window,
      key_type: 'var',
      key: `http_${consumerHeader}`,
      policy: 'local',
      rejected_code: 429,
      allow_degradation: false,
      show_limit_quota_header: true,
    },
  };
}
