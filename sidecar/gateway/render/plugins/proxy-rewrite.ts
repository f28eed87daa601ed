import type { UpstreamSpec } from '../../../core/resources.ts';
import type { GatewayPlugin } from '../gateway-configuration.ts';

/**
 * From the gateway's prefix to the path of `base_url`. None where they are the same: then the raw path goes upstream,
 * and the raw path is what the sidecar judges.
 */
export function proxyRewrite(spec: UpstreamSpec): GatewayPlugin | undefined {
  const prefix = trimmed(spec.prefix);
  const base = trimmed(new URL(spec.base_url).pathname);
  if (prefix === base) return undefined;
  return {
    name: 'proxy-rewrite',
    ...(spec.encoded_slashes === 'allow'
      ? { comment: 'The path as it came: the gateway would decode the slashes that this upstream wants encoded.' }
      : {}),
    config: {
      regex_uri: [`^${escapePattern(prefix)}/(.*)`, `${base}/$1`],
      ...(spec.encoded_slashes === 'allow' ? { use_real_request_uri_unsafe: true } : {}),
    },
  };
}

function trimmed(path: string): string {
  return path === '/' ? '' : path;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
