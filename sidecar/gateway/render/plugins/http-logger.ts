import type { Preset } from '../../../core/preset.ts';
import type { GatewayPlugin, Plain } from '../gateway-configuration.ts';
import type { Wiring } from '../wiring.ts';

/** Tells the sidecar how requests fared. Small batches, sent again rather than lost; the sidecar drops what comes twice. */
export function httpLogger(
  preset: Preset,
  options: { readonly sidecarUrl: string; readonly wiring: Wiring; readonly byAiProxy: boolean },
): GatewayPlugin {
  const { sidecarUrl, wiring, byAiProxy } = options;
  return {
    name: 'http-logger',
    comment:
      'The default entry would hold the injected secret: this one names no header but cfcredential, no query, no body.',
    config: {
      uri: `${sidecarUrl}/api/logs`,
      auth_header: wiring.logKey,
      // The default of this plugin, unlike forward-auth's, is false.
      ...(sidecarUrl.startsWith('https:') ? { ssl_verify: true } : {}),
      timeout: 3,
      batch_max_size: 20,
      inactive_timeout: 1,
      buffer_duration: 10,
      max_retry_count: 3,
      retry_delay: 1,
      include_req_body: false,
      include_resp_body: false,
      log_format: {
        ts: '$msec',
        request_id: '$request_id',
        credential: '$http_cfcredential',
        method: '$request_method',
        status: '$status',
        request_time: '$request_time',
        request_length: '$request_length',
        bytes_sent: '$bytes_sent',
        ...(byAiProxy
          ? { llm: languageModel }
          : {
              upstream: {
                addr: '$upstream_addr',
                status: '$upstream_status',
                response_time: '$upstream_response_time',
                header_time: '$upstream_header_time',
              },
              limits: limitsOf(preset),
            }),
      },
    },
  };
}

/** ai-proxy connects by itself: nginx's variables of an upstream stay empty. Times are milliseconds. */
const languageModel = {
  model: '$llm_model',
  prompt_tokens: '$llm_prompt_tokens',
  completion_tokens: '$llm_completion_tokens',
  response_time_ms: '$apisix_upstream_response_time',
  first_token_ms: '$llm_time_to_first_token',
};

/** The API's own headers about its limits, by name; the sidecar reads from them how long a key must rest. */
function limitsOf({ responseHeaders: { rateLimit } }: Preset): { readonly [header: string]: Plain } {
  const names = new Set(['retry-after', ...rateLimit]);
  return Object.fromEntries([...names].map((name) => [name, `$upstream_http_${name.replaceAll('-', '_')}`]));
}
