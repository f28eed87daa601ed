import type { Preset } from '../core/preset.ts';

/** https://ai.google.dev/api; errors are google.rpc.Status (https://cloud.google.com/apis/design/errors). */
export const gemini: Preset = {
  id: 'gemini',
  title: 'Google Gemini',
  baseUrl: 'https://generativelanguage.googleapis.com',
  tokenSlots: [{ header: 'x-goog-api-key' }, { header: 'authorization', scheme: 'bearer' }],
  // The API takes `?key=`, and it cannot be stripped on the way: it would be in the gateway's and the upstream's logs.
  // https://cloud.google.com/apis/docs/system-parameters: the last three stand for headers that are emptied, and would
  // let a client act as another method than the policy judged, or choose who pays.
  queryKeys: ['key', '$key', 'api_key', 'access_token', 'oauth_token', '$httpmethod', '$userproject', 'userproject'],
  injection: { kind: 'header', name: 'x-goog-api-key' },
  secretOptional: false,
  steeringHeaders: ['x-goog-user-project'],
  denialBodies: {
    default: { error: { code: '{status}', message: '{message}', status: 'UNAVAILABLE' } },
    byStatus: {
      '400': { error: { code: '{status}', message: '{message}', status: 'INVALID_ARGUMENT' } },
      '401': { error: { code: '{status}', message: '{message}', status: 'UNAUTHENTICATED' } },
      '403': { error: { code: '{status}', message: '{message}', status: 'PERMISSION_DENIED' } },
      '429': { error: { code: '{status}', message: '{message}', status: 'RESOURCE_EXHAUSTED' } },
    },
  },
  responseHeaders: { rateLimit: [] },
  // A wrong key is a 400 here. https://cloud.google.com/service-infrastructure/docs/service-management/reference/rpc/google.api#errorreason
  deadKey: [
    { status: 400, bodyIncludes: 'API_KEY_INVALID' },
    { status: 401 },
    { status: 403, bodyIncludes: 'CONSUMER_SUSPENDED' },
    { status: 403, bodyIncludes: 'BILLING_DISABLED' },
  ],
  probe: { method: 'GET', path: '/v1beta/models?pageSize=1', needsKey: true },
};
