import type { Route } from './configuration.ts';

/**
 * `as-configured`; `no-rewrite`: without proxy-rewrite, the upstream gets the raw path with the prefix; `raw-path`:
 * proxy-rewrite with `use_real_request_uri_unsafe`.
 */
export type PathMode = 'as-configured' | 'no-rewrite' | 'raw-path';

const sidecarOrigin = 'http://127.0.0.1:9280';

/** A route with the sidecar's address of this run, in the wanted mode of paths. */
export function variantOf(
  route: Route,
  options: { readonly sidecar?: string | undefined; readonly mode?: PathMode | undefined },
): Route {
  const { plugins } = route;
  const moved = <T extends { readonly uri: string }>(conf: T): T =>
    options.sidecar === undefined ? conf : { ...conf, uri: conf.uri.replace(sidecarOrigin, options.sidecar) };
  const auth = plugins['forward-auth'];
  const logger = plugins['http-logger'];
  const rewrite = plugins['proxy-rewrite'];
  const guarded = auth !== undefined;
  return {
    ...route,
    upstream: movedUpstream(route, options.sidecar),
    plugins: {
      ...plugins,
      ...(auth === undefined ? {} : { 'forward-auth': moved(auth) }),
      ...(logger === undefined ? {} : { 'http-logger': moved(logger) }),
      ...(guarded && options.mode === 'no-rewrite' ? { 'proxy-rewrite': undefined } : {}),
      ...(guarded && options.mode === 'raw-path' && rewrite !== undefined
        ? { 'proxy-rewrite': { ...rewrite, use_real_request_uri_unsafe: true } }
        : {}),
    },
  };
}

function movedUpstream({ upstream }: Route, sidecar: string | undefined): Route['upstream'] {
  const [node] = upstream.nodes;
  if (sidecar === undefined || `http://${node?.host ?? ''}:${node?.port ?? 80}` !== sidecarOrigin) return upstream;
  const { hostname, port } = new URL(sidecar);
  return { ...upstream, nodes: [{ host: hostname, port: Number(port), weight: 1 }] };
}
