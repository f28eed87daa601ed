import { tokenSlotHeaders } from '../../core/preset.ts';

/** `x-api-key` → `http_x_api_key`: nginx's variable of a request header. */
export function variableOf(header: string): string {
  return `http_${header.toLowerCase().replaceAll('-', '_')}`;
}

/** The header of an `http_…` variable, as far as a name tells: underscores were hyphens. Undefined: no header variable. */
export function headerOf(variable: string): string | undefined {
  const found = /^(?:sent_)?http_([a-z0-9_]+)$/.exec(variable);
  return found?.[1] === undefined || variable.startsWith('sent_') ? undefined : found[1].replaceAll('_', '-');
}

/** Names of variables in a text: `$name`, `${name}`. */
export function variablesIn(text: string): readonly string[] {
  return [...text.matchAll(/\$\{?([a-z][a-z0-9_.]*)\}?/gi)].map(([, name]) => (name ?? '').toLowerCase());
}

/** After injection these hold the upstream's secret. */
export const secretVariables = new Set([
  ...tokenSlotHeaders.map(variableOf),
  'http_cookie',
  'http_proxy_authorization',
]);

/** These hold bodies. */
export const bodyVariables = new Set([
  'request_body',
  'resp_body',
  'response_body',
  'llm_request_body',
  'llm_response_text',
  'llm_messages',
]);

/** These hold the query, where a client may have put a key. */
export const queryVariables = new Set([
  'request',
  'request_uri',
  'real_request_uri',
  'args',
  'query_string',
  'upstream_uri',
  'request_line',
  'is_args',
]);

export const queryKeys = /^arg_(?:key|api_?-?key|access_token|token|auth|password|secret|subscription-key)$/;
