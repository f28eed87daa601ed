import type { Rule } from '../rule.ts';
import { asText, asTexts } from '../source.ts';
import type { Spot } from '../source.ts';
import { headerOf, secretVariables, variablesIn } from '../variables.ts';
import type { Placed, View } from '../view.ts';

const limiters = /^(?:limit-count|limit-req|limit-conn|graphql-limit-count|ai-rate-limiting)$/;
const identities = /^http_cfconsumer$/;

export const cacheWithoutIdentity: Rule = {
  id: 'cache-without-identity',
  severity: 'error',
  title: 'one client reads the answer for another',
  why: 'A cache shares answers among all requests with one key. Callers are not consumers of the gateway here, so consumer_isolation and include_consumer tell nobody apart, the injected secret is the same for all, and what a client writes itself is no identity. A hit also goes past limits and accounting.',
  fix: 'an identity_header upstream and $http_cfconsumer in cache_key (proxy-cache) or cache_key.include_vars (ai-cache); else no cache',
  *check({ placed }) {
    for (const { plugin } of placed) {
      const key = plugin.spot.at('cache_key');
      if (plugin.name === 'graphql-proxy-cache') {
        yield { spot: plugin.spot, what: 'key', detail: 'graphql-proxy-cache cannot take an identity into its key' };
      } else if (plugin.name === 'proxy-cache') {
        if (!hasIdentity(asTexts(key.value))) yield { spot: key, detail: 'cache_key has no identity' };
      } else if (plugin.name === 'ai-cache') {
        const vars = key.at('include_vars');
        if (!hasIdentity(asTexts(vars.value))) yield { spot: vars, detail: 'include_vars has no identity' };
      }
    }
  },
};

function hasIdentity(names: readonly string[]): boolean {
  return names.some((name) => identities.test(name.replace(/^\$/, '').toLowerCase()));
}

export const forgeableKey: Rule = {
  id: 'forgeable-key',
  severity: 'warning',
  title: 'the client chooses whom a limit counts',
  why: 'A header with hyphens can be forged after forward-auth: a client’s X_Foo joins $http_x_foo while underscores_in_headers is on (the default). A header that upstream_headers does not name, a cookie or an argument is the client’s own text. A token slot holds the upstream’s secret by then, the same for everybody.',
  fix: 'key on http_cfconsumer (identity_header: true, cfconsumer in upstream_headers), or on the address',
  *check(view) {
    for (const placed of view.placed) {
      for (const { spot, name } of conditionsOf(placed)) {
        const answered = placed.routes.some(
          ({ auth }) => auth?.upstreamHeaders.includes(headerOf(name) ?? '') === true,
        );
        const why = answered ? whyForgeable(name, placed, view) : undefined;
        if (why !== undefined) yield { spot, detail: why };
      }
      if (!limiters.test(placed.plugin.name) || placed.scope === 'global') continue;
      for (const spot of keysOf(placed.plugin.spot)) {
        const why = keyVariables(spot)
          .map((name) => whyForgeable(name, placed, view))
          .find((reason) => reason !== undefined);
        if (why !== undefined) yield { spot, detail: why };
      }
    }
  },
};

/** Headers of the answer on which later plugins decide: the variable of a name with hyphens can be forged. */
function* conditionsOf({ plugin }: Placed): Iterable<{ readonly spot: Spot; readonly name: string }> {
  if (!/^(?:workflow|traffic-split|traffic-label)$/.test(plugin.name)) return;
  for (const rule of plugin.spot.at('rules').children()) {
    for (const spot of [rule.at('case'), rule.at('match')]) {
      for (const [, name] of JSON.stringify(spot.value ?? null).matchAll(/"(http_[a-z0-9_]+)"/gi)) {
        if (name !== undefined) yield { spot, name: name.toLowerCase() };
      }
    }
  }
}

function keysOf(spot: Spot): readonly Spot[] {
  const rules = spot
    .at('rules')
    .children()
    .map((rule) => rule.at('key'));
  return [spot.at('key'), ...rules].filter(({ value }) => typeof value === 'string');
}

/** `key_type: var` names one variable without its $. */
function keyVariables(spot: Spot): readonly string[] {
  const text = String(spot.value).toLowerCase();
  return text.includes('$') ? variablesIn(text) : [text];
}

function whyForgeable(name: string, { routes }: Placed, view: View): string | undefined {
  if (/^(?:arg_|cookie_|post_arg)/.test(name)) return `$${name} is the client’s own text`;
  const header = headerOf(name);
  if (header === undefined) return undefined;
  if (secretVariables.has(name)) return `$${name} is the upstream’s secret here, the same for all clients`;
  const answered = routes.every(({ auth }) => auth?.upstreamHeaders.some((listed) => listed === header) === true);
  if (!answered) return `$${name} is not in upstream_headers: the client writes it`;
  return header.includes('-') && !underscoresOff(view)
    ? `a client’s header with underscores joins $${name}`
    : undefined;
}

export function underscoresOff({ configuration }: View): boolean {
  const values = configuration.gatewayConfigs.map(
    (spot) => spot.at('nginx_config', 'http', 'underscores_in_headers').value,
  );
  return values.some((value) => value === 'off' || value === false);
}

export const globalLimit: Rule = {
  id: 'global-limit',
  severity: 'warning',
  title: 'a global limit that counts before anybody is known',
  why: 'Plugins of a global rule run before a route’s forward-auth: a global limit sees neither cfconsumer nor the consumer, only what the client wrote. It counts by an empty or a forged name.',
  fix: 'put the limit on the route or its service, after forward-auth; globally count by address only',
  *check({ placed }) {
    for (const { plugin, scope } of placed) {
      if (scope !== 'global' || !limiters.test(plugin.name)) continue;
      for (const spot of keysOf(plugin.spot)) {
        const found = keyVariables(spot).find(
          (name) => headerOf(name) !== undefined || /^(?:consumer_name|arg_|cookie_)/.test(name),
        );
        if (found !== undefined) yield { spot, detail: `$${found} is not known yet` };
      }
    }
  },
};

export const staleVariable: Rule = {
  id: 'stale-variable',
  severity: 'warning',
  title: 'a variable is read before its header is injected',
  why: 'nginx caches a header variable at its first read. A route whose vars (or a _meta.filter) read $http_cfconsumer or $http_cfcredential sees the client’s text, and later readers, limits and logs, get that same cached text instead of the sidecar’s.',
  fix: 'match routes on something else',
  *check({ routes, guarded, placed }) {
    if (guarded.length === 0) return;
    for (const { route } of routes) {
      if (route.vars !== undefined && mentionsAnswer(route.vars.value)) {
        yield { spot: route.vars, detail: 'vars read a header of the sidecar’s answer' };
      }
    }
    for (const { plugin, scope } of placed) {
      const spot = plugin.spot.at('_meta', 'filter');
      const early = scope === 'global' || plugin.name === 'forward-auth' || plugin.name === 'proxy-rewrite';
      if (early && mentionsAnswer(spot.value)) {
        yield { spot, detail: 'the filter reads a header of the sidecar’s answer' };
      }
    }
  },
};

function mentionsAnswer(value: unknown): boolean {
  return /http_cf(?:consumer|credential)/i.test(JSON.stringify(value ?? null));
}

export const realIpTrust: Rule = {
  id: 'real-ip-trust',
  severity: 'warning',
  title: 'the client chooses its own address',
  why: 'Where everybody is trusted to say the client’s address, in a header or an argument, limits by address, the audit and address rules go by what the client wrote. X-Forwarded-For of the question is taken from it.',
  fix: 'trusted_addresses (or real_ip_from) with the addresses of your own load balancers only',
  *check({ placed, configuration, guarded }) {
    for (const { plugin } of placed) {
      if (plugin.name !== 'real-ip') continue;
      const spot = plugin.spot.at('trusted_addresses');
      const source = asText(plugin.config['source']) ?? '';
      if (/^(?:arg_|cookie_)/.test(source))
        yield { spot: plugin.spot.at('source'), detail: `the address comes from $${source}` };
      else if (spot.value === undefined) yield { spot, detail: 'trusted_addresses is missing' };
      else if (asTexts(spot.value).some(isEverybody)) yield { spot, detail: 'trusted_addresses names everybody' };
    }
    if (guarded.length === 0) return;
    for (const config of configuration.gatewayConfigs) {
      for (const spot of [
        config.at('nginx_config', 'http', 'real_ip_from'),
        config.at('apisix', 'trusted_addresses'),
      ]) {
        if (asTexts(spot.value).some(isEverybody)) yield { spot, detail: 'everybody is trusted' };
      }
    }
  },
};

function isEverybody(block: string): boolean {
  return /^(?:0\.0\.0\.0|::)\/0$/.test(block);
}
