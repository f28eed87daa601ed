import type { GatewayPlugin } from '../gateway-configuration.ts';

/**
 * forward-auth sets headers only, so the secret arrives in one and is moved (facts, 5). It runs last of the access phase.
 * `get_uri_args(0)` reads all of the client's parameters; without the 0 those after the hundredth would be lost.
 */
export function secretInQuery(header: string, parameter: string): GatewayPlugin {
  return {
    name: 'serverless-post-function',
    comment:
      'Moves the secret from its header into the query. Keep queries out of every log, and see that the upstream answers: a failed connection writes the query to error.log.',
    config: {
      phase: 'access',
      functions: [
        [
          'return function(conf, ctx)',
          '  local core = require("apisix.core")',
          `  local secret = core.request.header(ctx, "${header}")`,
          '  if not secret or secret == "" then',
          '    return 503',
          '  end',
          `  core.request.set_header(ctx, "${header}", nil)`,
          '  local args = ngx.req.get_uri_args(0)',
          `  args["${parameter}"] = secret`,
          '  core.request.set_uri_args(ctx, args)',
          'end',
          '',
        ].join('\n'),
      ],
    },
  };
}
