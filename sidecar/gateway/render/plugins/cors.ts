import type { GatewayPlugin } from '../gateway-configuration.ts';

/** For routes that browsers call. No cookies, so any origin may ask; `*` would not cover Authorization, `**` does. */
export const cors: GatewayPlugin = {
  name: 'cors',
  comment: "Answers a browser's preflight before forward-auth (it carries no token). No cookies: any origin may ask.",
  config: {
    allow_origins: '*',
    allow_methods: 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS',
    allow_headers: '**',
    expose_headers: [
      'x-request-id',
      'request-id',
      'retry-after',
      'retry-after-ms',
      'x-should-retry',
      'x-cf-decision',
      'ratelimit',
      'ratelimit-policy',
    ].join(','),
    max_age: 600,
    allow_credential: false,
  },
};
