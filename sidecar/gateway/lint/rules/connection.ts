import { isAddress, reachOf } from '../addresses.ts';
import type { Auth } from '../auth.ts';
import type { Rule } from '../rule.ts';
import { ownAuths } from '../view.ts';

const gatewayPorts = new Set(['9080', '9443', '9180', '9090', '9091', '9092', '7085', '9100']);

export const versionFloor: Rule = {
  id: 'version-floor',
  severity: 'error',
  title: 'a gateway that is too old',
  why: 'Before 3.17 headers that an answer leaves out are not cleared (CVE-2026-39998) and $env:// is not resolved in extra_headers; before 3.16 %0d%0a in a path injects headers into the question (CVE-2026-31908).',
  fix: 'APISIX 3.18, at least 3.17',
  *check({ version, guarded, auths, configuration }) {
    if (version === undefined || version.major > 3 || (version.major === 3 && version.minor >= 17)) return;
    const spot = version.spot ?? auths[0]?.plugin.spot ?? guarded[0]?.route.spot ?? configuration.gatewayConfigs[0];
    if (spot !== undefined) yield { spot, detail: `APISIX ${version.major}.${version.minor}` };
  },
};

export const keepalivePool: Rule = {
  id: 'keepalive-pool',
  severity: 'warning',
  title: 'most questions open a connection of their own',
  why: 'The default pool keeps 5 connections per worker. With 50 clients at once 62 % of the questions opened a new connection and throughput was halved; ports may run out.',
  fix: 'keepalive: true, keepalive_pool: 320',
  *check(view) {
    for (const { plugin } of ownAuths(view)) {
      const pool = plugin.spot.at('keepalive_pool');
      const alive = plugin.spot.at('keepalive');
      if (alive.value === false) {
        yield { spot: alive, detail: 'keepalive is false', mends: [{ op: 'set', spot: alive, value: true }] };
      } else if (typeof pool.value !== 'number' || pool.value < 64) {
        yield {
          spot: pool,
          detail:
            typeof pool.value === 'number'
              ? `keepalive_pool is ${pool.value}`
              : 'keepalive_pool is missing, so it is 5',
          mends: [{ op: 'set', spot: pool, value: 320 }],
        };
      }
    }
  },
};

export const poolFirstRoute: Rule = {
  id: 'keepalive-pool-differs',
  severity: 'warning',
  title: 'the first route decides about the pool of all',
  why: 'Connections to one host and port are shared, and the first route that asks fixes the size of the pool for all of them: which one that is, traffic decides after every start.',
  fix: 'the same keepalive_pool on every route that asks the same address',
  *check({ auths }) {
    const first = new Map<string, Auth>();
    for (const auth of auths) {
      if (auth.url === undefined) continue;
      const known = first.get(auth.url.host);
      if (known === undefined) first.set(auth.url.host, auth);
      else if (poolOf(known) !== poolOf(auth)) {
        yield {
          spot: auth.plugin.spot.at('keepalive_pool'),
          detail: `keepalive_pool is ${poolOf(auth)}, elsewhere ${poolOf(known)} for ${auth.url.host}`,
        };
      }
    }
  },
};

function poolOf({ plugin }: Auth): number {
  const { keepalive_pool: pool } = plugin.config;
  return typeof pool === 'number' ? pool : 5;
}

export const authPlainHttp: Rule = {
  id: 'auth-plain-http',
  severity: 'error',
  title: 'secrets cross the network in clear',
  why: 'The answer of the sidecar holds the upstream’s secret and the question the gateway key and the client’s token. Over http they are in clear for everybody between the two machines.',
  fix: 'put the sidecar beside the gateway (same machine, pod or network namespace) and ask 127.0.0.1, or use https with a DNS name',
  *check(view) {
    for (const { plugin, url } of ownAuths(view)) {
      if (url?.protocol !== 'http:' || reachOf(url.hostname) === 'loopback') continue;
      yield { spot: plugin.spot.at('uri'), detail: `http to ${url.hostname}` };
    }
  },
};

export const authUri: Rule = {
  id: 'auth-uri',
  severity: 'error',
  title: 'the question goes nowhere',
  why: 'forward-auth speaks http and https to a host and port. There are no unix sockets; an IP address in a certificate does not count; the sidecar answers at /api/auth; and a port of the gateway itself is not the sidecar.',
  fix: 'uri: http://127.0.0.1:9280/api/auth, or https with a DNS name',
  *check({ auths }) {
    for (const { plugin, ours, url } of auths) {
      const spot = plugin.spot.at('uri');
      if (url === undefined || !/^https?:$/.test(url.protocol)) {
        if (typeof spot.value === 'string' && !/\$/.test(spot.value))
          yield { spot, detail: 'the uri is not http or https' };
        continue;
      }
      if (!ours) continue;
      if (
        url.protocol === 'https:' &&
        isAddress(url.hostname.replace(/^\[|\]$/g, '')) &&
        plugin.config['ssl_verify'] !== false
      ) {
        yield { spot, detail: 'https to an address: its certificate will not be accepted', severity: 'warning' };
      }
      if (!/^\/api\/auth(?:\/[^/]+)?$/.test(url.pathname)) {
        yield { spot, detail: `the sidecar does not answer at ${url.pathname}` };
      } else if (reachOf(url.hostname) === 'loopback' && gatewayPorts.has(url.port)) {
        yield { spot, detail: `port ${url.port} is the gateway’s own` };
      }
    }
  },
};

export const sslVerify: Rule = {
  id: 'ssl-verify',
  severity: 'error',
  title: 'anybody may answer in the other’s place',
  why: 'Without a check of the certificate, whoever stands between gets the gateway key and the client’s tokens, and says what is allowed. On ai-proxy it gets the secret; on a logger the log key.',
  fix: 'ssl_verify: true, and the CA in apisix.ssl.ssl_trusted_certificate',
  *check({ auths, placed }) {
    for (const { plugin, url } of auths) {
      const spot = plugin.spot.at('ssl_verify');
      if (spot.value !== false) continue;
      // Over http it says nothing yet, until somebody changes the uri.
      const severity = url?.protocol === 'http:' ? 'info' : 'error';
      yield { spot, detail: 'ssl_verify is false', severity, mends: [{ op: 'set', spot, value: true }] };
    }
    for (const { plugin } of placed) {
      const spot = plugin.spot.at('ssl_verify');
      if (/^ai-(?:proxy|proxy-multi|request-rewrite)$/.test(plugin.name) && spot.value === false) {
        yield { spot, detail: `${plugin.name} does not check certificates`, mends: [{ op: 'set', spot, value: true }] };
      }
      const { uri, auth_header: header } = plugin.config;
      if (plugin.name !== 'http-logger' || header === undefined || spot.value === true) continue;
      if (typeof uri !== 'string' || !uri.startsWith('https:')) continue;
      yield {
        spot,
        detail: 'http-logger does not check certificates (its default)',
        severity: 'warning',
        mends: [{ op: 'set', spot, value: true }],
      };
    }
  },
};
