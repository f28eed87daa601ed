import type { Plain } from '../render/gateway-configuration.ts';

type Fields = { readonly [name: string]: Plain };

/**
 * What APISIX 3.17 and 3.18 fill in when a route is stored. Only with these can what is stored be compared with what was
 * written: a field that is neither written nor a default was put there by somebody else. Of the gateway's own schemas.
 */
export const routeDefaults: Fields = { priority: 0, status: 1 };

export const upstreamDefaults: Fields = { hash_on: 'vars', scheme: 'http', pass_host: 'pass', type: 'roundrobin' };

export const nodeDefaults: Fields = { priority: 0 };

export const pluginDefaults: { readonly [plugin: string]: Fields } = {
  cors: {
    allow_credential: false,
    max_age: 5,
    allow_headers: '*',
    allow_methods: '*',
    allow_origins: '*',
  },
  'proxy-rewrite': { use_real_request_uri_unsafe: false },
  'forward-auth': {
    request_method: 'GET',
    max_req_body_size: 67_108_864,
    allow_degradation: false,
    timeout: 3_000,
    keepalive: true,
    request_headers: [],
    status_on_error: 403,
    keepalive_pool: 5,
    ssl_verify: true,
    upstream_headers: [],
    client_headers: [],
    keepalive_timeout: 60_000,
  },
  'ai-proxy': {
    streaming_flush_interval_ms: 10,
    max_req_body_size: 67_108_864,
    ssl_verify: true,
    timeout: 30_000,
    keepalive: true,
    keepalive_pool: 30,
    keepalive_timeout: 60_000,
  },
  'limit-count': {
    show_limit_quota_header: true,
    rejected_code: 503,
    key_type: 'var',
    window_type: 'fixed',
    sync_interval: -1,
    allow_degradation: false,
    key: 'remote_addr',
    policy: 'local',
  },
  'serverless-post-function': { phase: 'access' },
  'http-logger': {
    max_resp_body_bytes: 524_288,
    concat_method: 'json',
    batch_max_size: 1_000,
    ssl_verify: false,
    name: 'http logger',
    inactive_timeout: 5,
    max_retry_count: 0,
    retry_delay: 1,
    buffer_duration: 60,
    timeout: 3,
    include_req_body: false,
    include_resp_body: false,
    max_req_body_bytes: 524_288,
  },
  prometheus: { prefer_name: false },
};
