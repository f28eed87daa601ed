import type { Route } from '../configuration.ts';
import type { Rule } from '../rule.ts';
import { asList, asMap, asTexts } from '../source.ts';
import type { EffectiveRoute, View } from '../view.ts';
import { covers, overlapsHosts, overlapsMethods, pathsOverlap } from './matching.ts';

/** A route with one of these asks for something by itself, or answers without any upstream. */
const ownGuards =
  /^(?:key-auth|jwt-auth|basic-auth|hmac-auth|openid-connect|multi-auth|wolf-rbac|ldap-auth|jwe-decrypt|authz-.*|cas-auth|opa|forward-auth|acl|dingtalk-auth|feishu-auth|saml-auth|mocking|fault-injection|redirect|public-api|serverless-.*)$/;

function isOpen({ plugins, auth, route, upstream }: EffectiveRoute): boolean {
  if (auth !== undefined || route.disabled || upstream === undefined) return false;
  return ![...plugins.values()].some(({ name, disabled }) => ownGuards.test(name) && !disabled);
}

export const openFallback: Rule = {
  id: 'open-fallback',
  severity: 'warning',
  title: 'a broader route takes over when a guarded one is dropped',
  why: 'A route that fails validation is dropped alone, with one line in error.log. Its requests, tokens included, then fall to the broader route, which asks nobody.',
  fix: 'give the broader route its own hosts or paths, or a guard; and watch error.log for “failed to check”',
  *check(view) {
    for (const open of view.routes.filter(isOpen)) {
      const caught = view.guarded.find((guarded) => covers(open.route, guarded.route));
      if (caught !== undefined)
        yield { spot: open.route.spot, detail: `${open.route.label} also matches what ${caught.route.label} guards` };
    }
  },
};

export const routeShadowed: Rule = {
  id: 'route-shadowed',
  severity: 'error',
  title: 'a route beside the guard',
  why: 'The gateway takes the route with the more specific host, then the longer path, then the higher priority. A route without a question that is more specific than a guarded one, or equal with a higher priority, takes its requests unasked, with the client’s own token.',
  fix: 'guard it, too, or move it out of the guarded path',
  *check(view) {
    for (const open of view.routes.filter(isOpen)) {
      const shadowed = view.guarded.find((guarded) => winsOver(open, guarded));
      if (shadowed !== undefined)
        yield { spot: open.route.spot, detail: `${open.route.label} takes requests of ${shadowed.route.label}` };
    }
  },
};

/** Some request that both match goes to `open`. */
function winsOver(open: EffectiveRoute, guarded: EffectiveRoute): boolean {
  const [a, b] = [open.route, guarded.route];
  if (!overlapsHosts(a, b) || !overlapsMethods(a, b)) return false;
  // A route with a host is asked before those without.
  if (a.hosts.length === 0 && b.hosts.length > 0) return false;
  const moreSpecificHost = a.hosts.length > 0 && b.hosts.length === 0;
  return a.uris.some((mine) =>
    b.uris.some((theirs) => {
      const overlap = pathsOverlap(mine, theirs);
      if (overlap === 'none') return false;
      if (moreSpecificHost || overlap === 'inside') return true;
      return overlap === 'same' && a.priority > b.priority;
    }),
  );
}

export const routeDuplicate: Rule = {
  id: 'route-duplicate',
  severity: 'warning',
  title: 'two routes match the same requests',
  why: 'Where host, path, methods and priority are equal the order in which the gateway happened to load the routes decides, and may change with the next edit.',
  fix: 'tell them apart by path, host, method or priority',
  *check(view) {
    const live = view.routes.filter(({ route }) => !route.disabled && route.uris.length > 0);
    for (const [index, one] of live.entries()) {
      for (const other of live.slice(index + 1)) {
        if (one.auth === undefined && other.auth === undefined) continue;
        if (isSameMatch(one.route, other.route)) {
          yield { spot: other.route.spot, detail: `${other.route.label} matches what ${one.route.label} matches` };
        }
      }
    }
  },
};

function isSameMatch(a: Route, b: Route): boolean {
  if (a.vars !== undefined || b.vars !== undefined || a.priority !== b.priority || !overlapsMethods(a, b)) return false;
  if ((a.hosts.length === 0) !== (b.hosts.length === 0) || !overlapsHosts(a, b)) return false;
  return a.uris.some((mine) => b.uris.some((theirs) => pathsOverlap(mine, theirs) === 'same'));
}

export const duplicateId: Rule = {
  id: 'duplicate-id',
  severity: 'error',
  title: 'two resources with one id',
  why: 'The gateway keeps the one that it reads last. Which guard applies then depends on the order of the file.',
  fix: 'ids of their own',
  *check({ configuration }) {
    const { routes, services, pluginConfigs, globalRules } = configuration;
    for (const list of [routes, services, pluginConfigs, globalRules]) {
      const seen = new Set<string>();
      for (const { id, spot, form } of list) {
        if (id === undefined || id === '' || form === 'adc') continue;
        if (seen.has(id)) yield { spot: spot.at('id'), detail: `the id ${id} is there twice` };
        seen.add(id);
      }
    }
  },
};

const authTypes: Readonly<Record<string, (value: unknown) => boolean>> = {
  uri: (value) => typeof value === 'string' && value !== '',
  request_method: (value) => value === undefined || value === 'GET' || value === 'POST',
  timeout: integer(1, 60_000),
  keepalive_pool: integer(1, Number.MAX_SAFE_INTEGER),
  keepalive_timeout: integer(1_000, Number.MAX_SAFE_INTEGER),
  status_on_error: integer(200, 599),
  allow_degradation: isFlag,
  keepalive: isFlag,
  ssl_verify: isFlag,
  request_headers: isTexts,
  upstream_headers: isTexts,
  client_headers: isTexts,
  extra_headers: (value) =>
    value === undefined || Object.values(asMap(value)).every((item) => typeof item === 'string'),
};

function integer(least: number, most: number) {
  return (value: unknown) =>
    value === undefined || (Number.isInteger(value) && Number(value) >= least && Number(value) <= most);
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean';
}

function isTexts(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && asTexts(value).length === value.length);
}

export const droppedRoute: Rule = {
  id: 'dropped-route',
  severity: 'error',
  title: 'the gateway will drop this',
  why: 'A resource that fails validation, or names one that is not there, is dropped (or answers 500/503) alone, with one line in error.log: its requests fall to a broader route, perhaps without a question.',
  fix: 'correct the value; --schema checks everything against the gateway’s own schemas',
  *check(view) {
    for (const { plugin } of view.auths) {
      for (const [key, isGood] of Object.entries(authTypes)) {
        const spot = plugin.spot.at(key);
        if (!isGood(spot.value)) yield { spot, detail: `forward-auth does not take this for ${key}` };
      }
    }
    for (const { route } of view.routes) {
      if (route.form === 'kubernetes') continue;
      const { uri, uris } = asMap(route.spot.value);
      if (uri === undefined && uris === undefined && view.configuration.routes.includes(route)) {
        yield { spot: route.spot, detail: 'the route has neither uri nor uris' };
      }
      for (const path of route.uris) {
        if (!path.startsWith('/'))
          yield { spot: route.spot.at(uri === undefined ? 'uris' : 'uri'), detail: 'a path must start with /' };
      }
    }
    yield* danglingReferences(view);
  },
};

function* danglingReferences({ configuration }: View) {
  const { routes, services, upstreams, pluginConfigs } = configuration;
  for (const { service, upstreamRef, pluginConfigs: configs, form } of routes) {
    // apisix.yaml holds everything; of anything else only a part may have been read.
    const whole = (read: number): boolean => form === 'standalone' || read > 0;
    if (
      service !== undefined &&
      form !== 'adc' &&
      whole(services.length) &&
      !services.some(({ id }) => id === service.id)
    ) {
      yield { spot: service.spot, detail: `there is no service ${service.id} in what was read` };
    }
    if (upstreamRef !== undefined && whole(upstreams.size) && !upstreams.has(upstreamRef.id)) {
      yield { spot: upstreamRef.spot, detail: `there is no upstream ${upstreamRef.id} in what was read` };
    }
    for (const config of configs) {
      if (whole(pluginConfigs.length) && !pluginConfigs.some(({ id }) => id === config.id)) {
        yield { spot: config.spot, detail: `there is no plugin_config ${config.id} in what was read` };
      }
    }
  }
}

export const missingEnd: Rule = {
  id: 'missing-end',
  severity: 'error',
  title: 'the gateway will not read the file',
  why: 'A standalone gateway ignores an apisix.yaml whose last line is not #END: it goes on with what it had before, or with nothing.',
  fix: '#END as the last line',
  *check({ configuration }) {
    for (const spot of configuration.withoutEnd) {
      yield { spot, detail: 'the last line is not #END', mends: [{ op: 'append', spot, line: '#END' }] };
    }
  },
};

export const pluginNotEnabled: Rule = {
  id: 'plugin-not-enabled',
  severity: 'error',
  title: 'a plugin that the gateway does not load',
  why: 'A plugins list in config.yaml replaces the default one. A plugin that is not in it is not run: without forward-auth every request passes unasked.',
  fix: 'add it to plugins of config.yaml, or remove the list',
  *check({ configuration, placed, auths }) {
    const names = new Set([...placed.map(({ plugin }) => plugin.name), ...auths.map(({ plugin }) => plugin.name)]);
    for (const config of configuration.gatewayConfigs) {
      const spot = config.at('plugins');
      const listed = asList(spot.value).map((item) => (typeof item === 'string' ? item : asMap(item)['name']));
      if (listed.length === 0) continue;
      const missing = [...names].filter((name) => !listed.includes(name));
      if (missing.length > 0)
        yield { spot, detail: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not in the list` };
    }
  },
};
