import type { ProviderApi } from './provider-api.ts';

/** Any REST API with a bearer secret: tells what it received. */
export const echoApi: ProviderApi = {
  secretHeader: 'authorization',
  secretPrefix: 'Bearer ',
  unauthorized: { status: 401, body: { message: 'wrong key' } },
  reply: ({ method, url, headers, body }) => ({ json: { method, url, headers, body } }),
};
