import { isAddress, reachOf } from '../addresses.ts';
import type { Upstream } from '../configuration.ts';
import type { Rule } from '../rule.ts';
import { asMap } from '../source.ts';
import { readUpstream } from '../read/native.ts';
import type { EffectiveRoute } from '../view.ts';

/** All upstreams to which a route may send a secret. */
function* upstreamsOf({ upstream, plugins }: EffectiveRoute): Iterable<Upstream> {
  // With ai-proxy the plugin itself connects.
  const ai = [plugins.get('ai-proxy'), plugins.get('ai-proxy-multi')].some((plugin) => plugin?.disabled === false);
  if (upstream !== undefined && !ai) yield upstream;
  for (const rule of plugins.get('traffic-split')?.spot.at('rules').children() ?? []) {
    for (const weighted of rule.at('weighted_upstreams').children()) {
      const split = readUpstream(weighted.at('upstream'));
      if (split !== undefined) yield split;
    }
  }
}

export const upstreamPlainHttp: Rule = {
  id: 'upstream-plain-http',
  severity: 'error',
  title: 'the secret goes to the upstream in clear',
  why: 'The default scheme of an upstream is http, also towards port 443. The secret is then in clear for everybody between the gateway and the API.',
  fix: 'scheme: https',
  *check({ guarded, placed }) {
    for (const route of guarded) {
      for (const { scheme, nodes, spot } of upstreamsOf(route)) {
        if (scheme !== 'http' && scheme !== 'grpc') continue;
        const far = nodes.find(({ host }) => reachOf(host) !== 'loopback');
        if (far === undefined) continue;
        yield {
          spot: spot.at('scheme'),
          detail: `${scheme} to ${far.host}`,
          // In one's own network it may be a choice; it is said all the same.
          severity: reachOf(far.host) === 'public' || far.port === 443 ? 'error' : 'info',
          ...(far.port === 443 && { mends: [{ op: 'set', spot: spot.at('scheme'), value: 'https' }] }),
        };
      }
    }
    for (const { plugin } of placed) {
      const endpoints = [
        plugin.spot.at('override', 'endpoint'),
        ...plugin.spot
          .at('instances')
          .children()
          .map((one) => one.at('override', 'endpoint')),
      ];
      if (!plugin.name.startsWith('ai-proxy')) continue;
      for (const spot of endpoints) {
        const url = typeof spot.value === 'string' && URL.canParse(spot.value) ? new URL(spot.value) : undefined;
        if (url?.protocol === 'http:' && reachOf(url.hostname) !== 'loopback')
          yield { spot, detail: `http to ${url.hostname}` };
      }
    }
  },
};

export const upstreamTls: Rule = {
  id: 'upstream-tls-unverified',
  severity: 'info',
  title: 'the upstream’s certificate is not checked',
  why: 'The gateway does not check upstreams’ certificates by itself (tls.verify of an upstream is for Kafka only): without proxy_ssl_verify the secret goes to whoever answers for the host.',
  fix: 'nginx_config.http_server_configuration_snippet: "proxy_ssl_verify on; proxy_ssl_verify_depth 5;" and apisix.ssl.ssl_trusted_certificate',
  *check({ configuration, guarded }) {
    const tls = guarded.some((route) =>
      [...upstreamsOf(route)].some(
        ({ scheme, nodes }) =>
          /^(?:https|grpcs)$/.test(scheme) && nodes.some(({ host }) => reachOf(host) !== 'loopback'),
      ),
    );
    if (!tls) return;
    for (const config of configuration.gatewayConfigs) {
      const nginx = config.at('nginx_config');
      const snippets = Object.entries(asMap(nginx.value)).filter(([key]) => key.endsWith('_snippet'));
      const verify = snippets.map(([, text]) => /(?:^|[\s;])proxy_ssl_verify\s+(on|off)\s*;/.exec(String(text))?.[1]);
      if (verify.includes('off'))
        yield { spot: nginx, detail: 'proxy_ssl_verify is off', what: 'key', severity: 'error' };
      else if (!verify.includes('on')) yield { spot: nginx, detail: 'no proxy_ssl_verify on', what: 'key' };
    }
  },
};

export const passHost: Rule = {
  id: 'pass-host',
  severity: 'warning',
  title: 'the client names the host that the upstream sees',
  why: 'pass_host defaults to pass: the client’s Host goes to the API, as the TLS server name, too, so that its certificate is compared with a name that the client chose. An API of somebody else answers 404 or a wrong tenant.',
  fix: 'pass_host: node',
  *check({ guarded }) {
    for (const route of guarded) {
      if (route.plugins.get('proxy-rewrite')?.config['host'] !== undefined) continue;
      for (const { scheme, nodes, spot, passHost: pass } of upstreamsOf(route)) {
        const named = nodes.some(({ host }) => reachOf(host) === 'public' && !isAddress(host));
        if (pass !== 'pass' || !named || !/^(?:https|grpcs|http)$/.test(scheme)) continue;
        const key = spot.value !== undefined && route.route.form === 'kubernetes' ? 'passHost' : 'pass_host';
        yield {
          spot: spot.at(key),
          detail: 'pass_host is pass',
          mends: [{ op: 'set', spot: spot.at(key), value: 'node' }],
        };
      }
    }
  },
};

export const unknownUpstream: Rule = {
  id: 'unknown-upstream',
  severity: 'error',
  title: 'the sidecar knows no upstream for the route',
  why: 'A route (or a uri) that no upstream of the resource file names is denied with upstream_unknown, each request.',
  fix: 'name the route in routes of an upstream, or correct /api/auth/<upstream>',
  *check({ guarded, known }) {
    if (known === undefined) return;
    for (const { route, auth, facts } of guarded) {
      if (auth === undefined) continue;
      const found = auth.upstream === undefined ? facts.id !== undefined : known.upstreams.has(auth.upstream);
      if (found || (auth.upstream === undefined && (route.id === undefined || route.uris.length === 0))) continue;
      yield {
        spot: auth.upstream === undefined ? route.spot : auth.plugin.spot.at('uri'),
        detail: `no upstream for ${auth.upstream ?? route.label}`,
      };
    }
  },
};
