import type { Exchange } from './exchange.ts';

/** A gateway variable, or undefined where it is not set. `$status` is a number, as in the gateway's log. */
export function variable(exchange: Exchange, name: string): string | number | undefined {
  if (name.startsWith('http_')) return exchange.headers.first(dashed(name.slice('http_'.length)));
  if (name.startsWith('upstream_http_')) {
    return exchange.upstream?.headers.first(dashed(name.slice('upstream_http_'.length)));
  }
  if (name.startsWith('post_arg.')) return fieldOfBody(exchange.body, name.slice('post_arg.'.length));
  return readers[name]?.(exchange);
}

/** Of a JSON object; forms are read by the gateway, too, and not here. */
function fieldOfBody(body: Buffer | undefined, name: string): string | undefined {
  try {
    const field: unknown = (JSON.parse(body?.toString() ?? '') as Readonly<Record<string, unknown>>)[name];
    return field === undefined ? undefined : typeof field === 'string' ? field : JSON.stringify(field);
  } catch {
    return undefined;
  }
}

const dashed = (name: string): string => name.replaceAll('_', '-');
/** As ai-proxy sets its variables. */
const text = (count: number | undefined): string | undefined => (count === undefined ? undefined : String(count));
const seconds = (ms: number): number => Math.round(ms) / 1_000;

const readers: Readonly<Record<string, (exchange: Exchange) => string | number | undefined>> = {
  route_id: ({ route }) => route.id,
  route_name: ({ route }) => route.name,
  request_id: ({ requestId }) => requestId,
  request_method: ({ request }) => request.method,
  uri: ({ target }) => target.uri,
  args: ({ target }) => target.args,
  // APISIX puts the normalised path into $request_uri and keeps what came in $real_request_uri.
  request_uri: ({ target }) => forwardedUri(target),
  real_request_uri: ({ target }) => target.raw,
  upstream_uri: ({ upstreamUri }) => upstreamUri,
  remote_addr: ({ remoteAddress }) => remoteAddress,
  host: ({ host }) => host,
  scheme: () => 'http',
  msec: () => (Date.now() / 1_000).toFixed(3),
  status: ({ response }) => response.statusCode,
  request_time: ({ startedAtMs }) => seconds(performance.now() - startedAtMs),
  request_length: ({ request }) => request.socket.bytesRead,
  bytes_sent: ({ request }) => request.socket.bytesWritten,
  upstream_addr: ({ upstream }) => upstream?.address,
  upstream_status: ({ upstream }) => (upstream === undefined ? undefined : String(upstream.status)),
  upstream_response_time: ({ upstream }) => upstream && seconds(upstream.responseTimeMs),
  upstream_header_time: ({ upstream }) => upstream && seconds(upstream.headerTimeMs),
  llm_model: ({ llm }) => llm?.model ?? '',
  llm_prompt_tokens: ({ llm }) => text(llm?.promptTokens),
  llm_completion_tokens: ({ llm }) => text(llm?.completionTokens),
  llm_time_to_first_token: ({ llm }) => text(llm?.firstTokenMs),
  apisix_upstream_response_time: ({ llm }) => text(llm?.responseTimeMs),
};

/** nginx's normalised, decoded path and the raw query. */
export function forwardedUri(target: { readonly uri: string; readonly args: string | undefined }): string {
  return target.args === undefined ? target.uri : `${target.uri}?${target.args}`;
}

/** Replaces `$name` and `${name}` in a literal; an unknown variable becomes the empty string, `$$` a dollar. */
export function resolveText(exchange: Exchange, text: string): string {
  return text.replaceAll(
    /\$(?:\{([\w.]+)\}|([\w.]+)|\$)/g,
    (all, braced: string | undefined, plain: string | undefined) =>
      all === '$$' ? '$' : String(variable(exchange, braced ?? plain ?? '') ?? ''),
  );
}
