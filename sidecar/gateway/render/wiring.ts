/** How the form that is written hands the gateway its keys, and how it names the upstream to the sidecar. */
export interface Wiring {
  /** Value of `X-CF-Gateway-Key`. */
  readonly gatewayKey: string;
  /** Value of http-logger's `auth_header`. */
  readonly logKey: string;
  /** `route`: by `$route_id`. `upstream`: in the question's path, where the form makes route ids of its own. */
  readonly bindBy: 'route' | 'upstream';
}

/** APISIX replaces `${{NAME}}` when it loads a file. */
export const fileWiring: Wiring = {
  gatewayKey: '${{CREDENTIALFLOW_GATEWAY_KEY}}',
  logKey: 'Bearer ${{CREDENTIALFLOW_LOG_KEY}}',
  bindBy: 'route',
};

/** `$env://` is resolved at run time, on 3.17 or newer, and only as the whole value (facts, 1): no `Bearer ` here. */
export const environmentWiring: Wiring = {
  gatewayKey: '$env://CREDENTIALFLOW_GATEWAY_KEY',
  logKey: '$env://CREDENTIALFLOW_LOG_KEY',
  bindBy: 'route',
};

/** The same, for forms that make route ids of their own. */
export const boundByUpstream: Wiring = { ...environmentWiring, bindBy: 'upstream' };
