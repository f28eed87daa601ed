import type { Auth } from '../auth.ts';
import type { Rule } from '../rule.ts';
import { passesArg } from './condition-reads.ts';
import { variablesIn } from '../variables.ts';
import { ownAuths, type EffectiveRoute } from '../view.ts';

/** Variables whose value the client chooses. */
const clientWritten =
  /^(?:http_.*|arg_.*|cookie_.*|post_arg.*|args|query_string|host|http_host|server_name|apisix_request_id|request_body|uri_param_.*|graphql_.*)$/;

export const gatewayKeyMissing: Rule = {
  id: 'gateway-key-missing',
  severity: 'error',
  title: 'the gateway does not prove that it is one',
  why: 'Whoever may ask the sidecar can collect secrets, so it answers nobody without X-CF-Gateway-Key: every request is a 401.',
  fix: "extra_headers: {X-CF-Gateway-Key: '${{CREDENTIALFLOW_GATEWAY_KEY}}'} in apisix.yaml, $env://CREDENTIALFLOW_GATEWAY_KEY elsewhere",
  *check(view) {
    for (const { plugin, extraHeaders, url } of ownAuths(view)) {
      // Over TLS a client certificate may be the proof.
      if (extraHeaders.has('x-cf-gateway-key') || url?.protocol === 'https:') continue;
      yield { spot: plugin.spot.at('extra_headers'), detail: 'extra_headers has no X-CF-Gateway-Key' };
    }
  },
};

export const routeMissing: Rule = {
  id: 'question-without-route',
  severity: 'error',
  title: 'the question does not say which upstream is meant',
  why: 'The sidecar knows the upstream by the gateway’s route id, or by its name in /api/auth/<upstream>. Without either every request is denied; it never goes by a host, which the client writes.',
  fix: 'extra_headers: {X-CF-Route: $route_id}, or uri: http://127.0.0.1:9280/api/auth/<upstream>',
  *check(view) {
    for (const { plugin, extraHeaders, upstream, extraHeaderName } of ownAuths(view)) {
      if (upstream !== undefined) continue;
      const route = extraHeaders.get('x-cf-route');
      const spot = plugin.spot.at('extra_headers', extraHeaderName('x-cf-route') ?? 'X-CF-Route');
      if (route === undefined) {
        yield {
          spot,
          detail: 'neither X-CF-Route nor /api/auth/<upstream>',
          mends: [{ op: 'set', spot, value: '$route_id' }],
        };
      }
    }
  },
};

export const questionForgeable: Rule = {
  id: 'question-forgeable',
  severity: 'error',
  title: 'the client writes a part of the question',
  why: 'A variable that the client chooses (a header, an argument, a cookie, the host) in X-CF-Route, X-CF-Raw-Uri, X-CF-Upstream-Uri or X-CF-Gateway-Key lets it be judged for another route or path. $apisix_request_id copies the client’s header, so that two requests share an id; $request_id is the gateway’s own.',
  fix: '$route_id, $real_request_uri, $upstream_uri and $request_id cannot be forged',
  *check(view) {
    for (const { plugin, extraHeaders, extraHeaderName } of ownAuths(view)) {
      for (const [name, value] of extraHeaders) {
        if (passesArg(name, value)) continue;
        const variables = name.startsWith('x-cf-') ? variablesIn(value).filter((v) => clientWritten.test(v)) : [];
        // A path without its query part is no path that a client chose over another.
        if (variables.length === 0) continue;
        const spot = plugin.spot.at('extra_headers', extraHeaderName(name) ?? name);
        const request = name === 'x-cf-request-id';
        yield {
          spot,
          detail: `${extraHeaderName(name) ?? name} takes $${variables.join(', $')}`,
          severity: request ? 'warning' : 'error',
          ...(request && { mends: [{ op: 'set', spot, value: '$request_id' }] }),
        };
      }
    }
  },
};

export const rawUri: Rule = {
  id: 'question-without-raw-uri',
  severity: 'error',
  title: 'the sidecar judges another path than the upstream gets',
  why: 'X-Forwarded-Uri is decoded and normalised: /api/a%3Fadmin=1 arrives as /api/a?admin=1. Without a rewrite the upstream gets the raw path, and only X-CF-Raw-Uri: $real_request_uri carries it.',
  fix: 'extra_headers: {X-CF-Raw-Uri: $real_request_uri}',
  *check(view) {
    for (const auth of ownAuths(view)) {
      if (isAlwaysRewritten(auth, view.routesOf(auth))) continue;
      const value = auth.extraHeaders.get('x-cf-raw-uri');
      if (value === '$real_request_uri') continue;
      const spot = auth.plugin.spot.at('extra_headers', auth.extraHeaderName('x-cf-raw-uri') ?? 'X-CF-Raw-Uri');
      yield {
        spot,
        detail: value === undefined ? 'extra_headers has no X-CF-Raw-Uri' : 'X-CF-Raw-Uri is not $real_request_uri',
        mends: [{ op: 'set', spot, value: '$real_request_uri' }],
      };
    }
  },
};

export const upstreamUri: Rule = {
  id: 'rewrite-without-upstream-uri',
  severity: 'error',
  title: 'a rewrite that the sidecar does not see',
  why: 'With proxy-rewrite the upstream gets neither the raw path nor X-Forwarded-Uri, but the normalised, rewritten, encoded one: /strip/a/%2e%2e/b becomes /b. Only $upstream_uri carries it; without X-CF-Upstream-Uri the policy is applied to a path that nobody receives.',
  fix: 'extra_headers: {X-CF-Upstream-Uri: $upstream_uri}',
  *check(view) {
    for (const auth of ownAuths(view)) {
      if (!view.routesOf(auth).some(rewritesPath)) continue;
      const value = auth.extraHeaders.get('x-cf-upstream-uri');
      if (value === '$upstream_uri') continue;
      const spot = auth.plugin.spot.at(
        'extra_headers',
        auth.extraHeaderName('x-cf-upstream-uri') ?? 'X-CF-Upstream-Uri',
      );
      yield {
        spot,
        detail:
          value === undefined ? 'extra_headers has no X-CF-Upstream-Uri' : 'X-CF-Upstream-Uri is not $upstream_uri',
        mends: [{ op: 'set', spot, value: '$upstream_uri' }],
      };
    }
  },
};

export const generatedRouteId: Rule = {
  id: 'generated-route-id',
  severity: 'error',
  title: 'the route’s id is made by somebody else',
  why: 'An ingress controller hashes route ids from names and rule positions, ADC from names, and a standalone gateway numbers routes without an id: $route_id then names nothing that resources can know, and changes with an edit elsewhere.',
  fix: 'name the upstream in the uri (http://127.0.0.1:9280/api/auth/<upstream>), or give the route an id',
  *check({ guarded }) {
    for (const { route, auth } of guarded) {
      if (auth === undefined || auth.upstream !== undefined || route.id !== undefined) continue;
      if (auth.extraHeaders.get('x-cf-route') !== '$route_id') continue;
      yield {
        spot: auth.plugin.spot.at('uri'),
        detail: `${route.label} is known by a generated id only, and the uri names no upstream`,
      };
    }
  },
};

/** True where the path that the upstream gets is not the one the client sent. */
export function rewritesPath({ plugins }: EffectiveRoute): boolean {
  const rewrite = plugins.get('proxy-rewrite');
  if (rewrite === undefined || rewrite.disabled) return false;
  const { uri, regex_uri: regex, use_real_request_uri_unsafe: raw } = rewrite.config;
  return (uri ?? regex) !== undefined && raw !== true;
}

function isAlwaysRewritten(auth: Auth, routes: readonly EffectiveRoute[]): boolean {
  return (
    auth.extraHeaders.get('x-cf-upstream-uri') === '$upstream_uri' && routes.length > 0 && routes.every(rewritesPath)
  );
}
