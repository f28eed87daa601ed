import type { Preset } from '../core/preset.ts';

/** https://docs.cohere.com/reference/errors */
export const cohere: Preset = {
  id: 'cohere',
  title: 'Cohere',
  baseUrl: 'https://api.cohere.com',
  tokenSlots: [{ header: 'authorization', scheme: 'bearer' }],
  queryKeys: ['api_key', 'api-key', 'key', 'access_token'],
  injection: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  secretOptional: false,
  steeringHeaders: [],
  denialBodies: { default: { message: '{message}' }, byStatus: {} },
  responseHeaders: { rateLimit: [] },
  deadKey: [{ status: 401 }],
  probe: { method: 'GET', path: '/v1/models', needsKey: true },
};
