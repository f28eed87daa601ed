import type { Preset } from '../core/preset.ts';

/** https://learn.microsoft.com/azure/ai-services/openai/reference#authentication; every resource has a host of its own. */
export const azureOpenai: Preset = {
  id: 'azure-openai',
  title: 'Azure OpenAI',
  tokenSlots: [{ header: 'api-key' }, { header: 'authorization', scheme: 'bearer' }],
  queryKeys: ['api-key', 'api_key', 'key', 'access_token'],
  injection: { kind: 'header', name: 'api-key' },
  secretOptional: false,
  // The resource pays; there is neither organization nor project.
  steeringHeaders: [],
  denialBodies: {
    default: { error: { code: '{code}', message: '{message}' } },
    byStatus: {
      '401': { error: { code: '401', message: '{message}' } },
      '429': { error: { code: '429', message: '{message}' } },
    },
  },
  responseHeaders: {
    requestId: 'apim-request-id',
    rateLimit: ['x-ratelimit-remaining-requests', 'x-ratelimit-remaining-tokens', 'retry-after-ms'],
  },
  deadKey: [{ status: 401 }, { status: 429, bodyIncludes: 'insufficient_quota' }],
  probe: { method: 'GET', path: '/openai/models?api-version=2024-10-21', needsKey: true },
};
