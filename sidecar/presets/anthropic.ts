import type { Preset } from '../core/preset.ts';

/** https://docs.anthropic.com/en/api/overview */
export const anthropic: Preset = {
  id: 'anthropic',
  title: 'Anthropic',
  baseUrl: 'https://api.anthropic.com',
  // The SDK sends `x-api-key`, or Bearer when it was given an auth token.
  tokenSlots: [{ header: 'x-api-key' }, { header: 'authorization', scheme: 'bearer' }],
  queryKeys: ['api_key', 'api-key', 'key', 'access_token'],
  injection: { kind: 'header', name: 'x-api-key' },
  secretOptional: false,
  // A workspace and a profile are billed; `anthropic-beta` and `anthropic-version` choose features only.
  steeringHeaders: ['anthropic-workspace-id', 'anthropic-user-profile-id'],
  denialBodies: {
    default: { type: 'error', error: { type: 'api_error', message: '{message}' } },
    byStatus: {
      '400': { type: 'error', error: { type: 'invalid_request_error', message: '{message}' } },
      '401': { type: 'error', error: { type: 'authentication_error', message: '{message}' } },
      '403': { type: 'error', error: { type: 'permission_error', message: '{message}' } },
      '429': { type: 'error', error: { type: 'rate_limit_error', message: '{message}' } },
    },
  },
  responseHeaders: {
    requestId: 'request-id',
    rateLimit: [
      'anthropic-ratelimit-requests-limit',
      'anthropic-ratelimit-requests-remaining',
      'anthropic-ratelimit-requests-reset',
      'anthropic-ratelimit-tokens-limit',
      'anthropic-ratelimit-tokens-remaining',
      'anthropic-ratelimit-tokens-reset',
    ],
  },
  deadKey: [{ status: 401 }],
  probe: { method: 'GET', path: '/v1/models', headers: { 'anthropic-version': '2023-06-01' }, needsKey: true },
};
