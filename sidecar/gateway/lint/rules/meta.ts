import type { Rule } from '../rule.ts';
import { asList, asMap, isMap } from '../source.ts';
import { ownAuths } from '../view.ts';

const authPriority = 2_002;

/** Plugins of the access phase that read what forward-auth injects, or must not come before it. */
const afterAuth =
  /^(?:limit-|graphql-limit|ai-|proxy-cache|graphql-proxy-cache|data-mask|workflow|traffic-|serverless-post|proxy-mirror)/;

export const metaFilter: Rule = {
  id: 'meta-filter',
  severity: 'error',
  title: 'some requests are not asked about',
  why: 'A request that _meta.filter of forward-auth does not match passes the plugin as if it were not there: unjudged, with the client’s own token. What the filter reads is mostly what the client wrote.',
  fix: 'remove the filter; what needs no token gets a route of its own',
  *check({ auths }) {
    for (const { plugin } of auths) {
      const spot = plugin.spot.at('_meta', 'filter');
      if (asList(spot.value).length > 0) yield { spot, detail: 'forward-auth runs only where its filter matches' };
    }
  },
};

export const metaPriority: Rule = {
  id: 'meta-priority',
  severity: 'warning',
  title: 'plugins run in another order',
  why: 'forward-auth (2002) must run before what reads the identity or the secret, and before what spends money: limits, ai-proxy, caches, mirrors. _meta.priority changes the order among the plugins of a route, without a trace elsewhere.',
  fix: 'remove _meta.priority',
  *check({ auths, placed }) {
    for (const { plugin } of auths) {
      const spot = plugin.spot.at('_meta', 'priority');
      if (typeof spot.value !== 'number' || spot.value === authPriority) continue;
      yield {
        spot,
        detail: `forward-auth runs at ${spot.value}`,
        severity: spot.value < authPriority ? 'error' : 'warning',
      };
    }
    for (const { plugin } of placed) {
      const spot = plugin.spot.at('_meta', 'priority');
      if (!afterAuth.test(plugin.name) || typeof spot.value !== 'number' || spot.value < authPriority) continue;
      yield { spot, detail: `${plugin.name} runs at ${spot.value}, before forward-auth` };
    }
  },
};

export const metaErrorResponse: Rule = {
  id: 'meta-error-response',
  severity: 'warning',
  title: 'denials are replaced',
  why: '_meta.error_response takes the place of the sidecar’s body: SDKs do not find their own error, and nobody the reason or the decision’s id.',
  fix: 'remove _meta.error_response',
  *check(view) {
    for (const { plugin } of ownAuths(view)) {
      const spot = plugin.spot.at('_meta', 'error_response');
      if (spot.value !== undefined) yield { spot, detail: 'forward-auth has an error_response of its own' };
    }
  },
};

export const metaPreFunction: Rule = {
  id: 'meta-pre-function',
  severity: 'warning',
  title: 'code runs beside the question',
  why: '_meta.pre_function is Lua that runs before its plugin in every phase: it can change the question, and read or write the headers after injection.',
  fix: 'remove it, or review it and say so in an ignore comment',
  *check({ placed, auths }) {
    const plugins = new Set([...auths.map(({ plugin }) => plugin), ...placed.map(({ plugin }) => plugin)]);
    for (const plugin of plugins) {
      const spot = plugin.spot.at('_meta', 'pre_function');
      if (spot.value !== undefined) yield { spot, detail: `${plugin.name} has a pre_function` };
    }
  },
};

export const aiOneHeader: Rule = {
  id: 'ai-one-header',
  severity: 'error',
  title: 'one provider gets the secret of another',
  why: 'ai-proxy-multi chooses an instance after forward-auth: the one injected header goes to every instance, so a provider’s secret is sent to the others.',
  fix: 'a route and an upstream for each provider; the sidecar balances between credentials of one',
  *check({ placed }) {
    for (const { plugin } of placed) {
      if (plugin.name !== 'ai-proxy-multi') continue;
      const targets = asList(plugin.config['instances']).map((instance) => {
        const { provider, override } = asMap(instance);
        const endpoint = asMap(override)['endpoint'];
        return typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint).host : String(provider);
      });
      if (new Set(targets).size < 2) continue;
      yield {
        spot: plugin.spot.at('instances'),
        detail: `instances of ${[...new Set(targets)].join(', ')} behind one question`,
      };
    }
  },
};

export const aiOwnAuth: Rule = {
  id: 'ai-own-auth',
  severity: 'warning',
  title: 'the gateway’s own key wins over the injected one',
  why: 'auth.header of ai-proxy replaces the header that the sidecar injected: the credential that it chose, rotated and limited is not the one in use, and the key stands in the gateway’s configuration.',
  fix: 'auth: {header: {}} in ai-proxy, so that the injected header passes (3.16 and newer)',
  *check({ placed }) {
    for (const { plugin } of placed) {
      if (plugin.name !== 'ai-proxy' && plugin.name !== 'ai-proxy-multi') continue;
      const auths = [
        plugin.spot.at('auth'),
        ...plugin.spot
          .at('instances')
          .children()
          .map((one) => one.at('auth')),
      ];
      for (const spot of auths) {
        const header = spot.at('header');
        const query = spot.at('query');
        if (isMap(header.value) && Object.keys(header.value).length > 0)
          yield { spot: header, detail: `${plugin.name} has a key of its own` };
        if (isMap(query.value) && Object.keys(query.value).length > 0)
          yield { spot: query, detail: `${plugin.name} has a key of its own in the query` };
      }
    }
  },
};
