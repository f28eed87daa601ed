import type { Preset } from '../core/preset.ts';

/** https://docs.mistral.ai/api */
export const mistral: Preset = {
  id: 'mistral',
  title: 'Mistral',
  baseUrl: 'https://api.mistral.ai',
  tokenSlots: [{ header: 'authorization', scheme: 'bearer' }],
  queryKeys: ['api_key', 'api-key', 'key', 'access_token'],
  injection: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  secretOptional: false,
  steeringHeaders: [],
  denialBodies: {
    default: { object: 'error', message: '{message}', type: '{code}', param: null, code: '{status}' },
    byStatus: {
      '401': { detail: '{message}' },
      '429': { object: 'error', message: '{message}', type: 'rate_limited', param: null, code: '1300' },
    },
  },
  responseHeaders: {
    rateLimit: [
      'x-ratelimit-limit-req-minute',
      'x-ratelimit-remaining-req-minute',
      'x-ratelimit-limit-tokens-minute',
      'x-ratelimit-remaining-tokens-minute',
    ],
  },
  deadKey: [{ status: 401 }],
  probe: { method: 'GET', path: '/v1/models', needsKey: true },
};
