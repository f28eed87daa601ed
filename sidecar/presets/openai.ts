import type { Preset } from '../core/preset.ts';

/** https://platform.openai.com/docs/api-reference/authentication */
export const openai: Preset = {
  id: 'openai',
  title: 'OpenAI',
  baseUrl: 'https://api.openai.com',
  tokenSlots: [{ header: 'authorization', scheme: 'bearer' }],
  queryKeys: ['api_key', 'api-key', 'key', 'access_token'],
  injection: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  secretOptional: false,
  // They choose who pays.
  steeringHeaders: ['openai-organization', 'openai-project'],
  denialBodies: {
    default: { error: { message: '{message}', type: 'server_error', param: null, code: '{code}' } },
    byStatus: {
      '400': { error: { message: '{message}', type: 'invalid_request_error', param: null, code: '{code}' } },
      '401': { error: { message: '{message}', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } },
      '403': { error: { message: '{message}', type: 'invalid_request_error', param: null, code: '{code}' } },
      '429': { error: { message: '{message}', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
    },
  },
  responseHeaders: {
    requestId: 'x-request-id',
    rateLimit: [
      'x-ratelimit-limit-requests',
      'x-ratelimit-limit-tokens',
      'x-ratelimit-remaining-requests',
      'x-ratelimit-remaining-tokens',
      'x-ratelimit-reset-requests',
      'x-ratelimit-reset-tokens',
    ],
  },
  // Out of credit is a 429 like a busy key, but no waiting helps.
  deadKey: [{ status: 401 }, { status: 429, bodyIncludes: 'insufficient_quota' }],
  probe: { method: 'GET', path: '/v1/models', needsKey: true },
};
