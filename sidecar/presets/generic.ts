import type { Preset } from '../core/preset.ts';

/** Any REST API: a bearer secret unless the upstream says otherwise in `injection`. */
export const generic: Preset = {
  id: 'generic',
  title: 'Any REST API',
  tokenSlots: [
    { header: 'authorization', scheme: 'bearer' },
    { header: 'x-api-key' },
    { header: 'api-key' },
    { header: 'x-goog-api-key' },
  ],
  queryKeys: ['api_key', 'api-key', 'apikey', 'key', 'access_token', 'token'],
  injection: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  secretOptional: false,
  steeringHeaders: [],
  // RFC 9457; served as application/json, which is what SDKs parse.
  denialBodies: {
    default: { type: 'about:blank', title: '{message}', status: '{status}', code: '{code}' },
    byStatus: {},
  },
  responseHeaders: { requestId: 'x-request-id', rateLimit: ['ratelimit', 'ratelimit-policy', 'retry-after'] },
  deadKey: [{ status: 401 }],
  // Of an API that nobody described, no request is known to need the key.
  probe: { method: 'GET', path: '/', needsKey: false },
};
