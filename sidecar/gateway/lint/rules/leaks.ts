import type { Hit, Rule } from '../rule.ts';
import type { Spot } from '../source.ts';
import { headerOf, secretVariables, variableOf, variablesIn } from '../variables.ts';
import { rewritesPath } from './question.ts';

export const proxyMirror: Rule = {
  id: 'proxy-mirror',
  severity: 'error',
  title: 'a copy of the request, with the secret, goes elsewhere',
  why: 'proxy-mirror (and the RequestMirror filter) sends every request a second time, headers after injection included, to another host.',
  fix: 'remove the plugin from routes that carry a secret',
  *check({ placed }) {
    for (const { plugin, scope } of placed) {
      if (plugin.name !== 'proxy-mirror') continue;
      yield {
        spot: plugin.spot,
        what: 'key',
        detail: scope === 'global' ? 'every request is mirrored' : 'the route is mirrored',
      };
    }
  },
};

export const secretToPlugin: Rule = {
  id: 'secret-to-other-service',
  severity: 'error',
  title: 'another service is shown the request after injection',
  why: 'opa runs right after forward-auth and puts all headers into its question; the external runners after it get them as well. By then the upstream’s secret is among them.',
  fix: 'decide in the sidecar’s policies, run opa before (_meta.priority above 2002), or keep these plugins off routes that carry a secret',
  *check({ placed }) {
    for (const { plugin, scope } of placed) {
      if (
        ![
          'opa',
          'ext-plugin-post-req',
          'ext-plugin-post-resp',
          'aws-lambda',
          'azure-functions',
          'openfunction',
          'openwhisk',
        ].includes(plugin.name)
      ) {
        continue;
      }
      const priority = plugin.spot.at('_meta', 'priority').value;
      const before = scope === 'global' || (typeof priority === 'number' && priority > 2_002);
      if (plugin.name === 'opa' && before) continue;
      yield { spot: plugin.spot, what: 'key', detail: `${plugin.name} sees the headers after injection` };
    }
  },
};

export const secretVariable: Rule = {
  id: 'secret-variable',
  severity: 'error',
  title: 'a plugin uses the injected secret as a value',
  why: 'After forward-auth $http_authorization and the other slots are the upstream’s secret. A plugin that puts one into a response header, a tag or a metric publishes it.',
  fix: 'use $http_cfcredential or $http_cfconsumer',
  *check({ placed }) {
    for (const { plugin } of placed) {
      // Its lists name variables and headers without a $.
      if (plugin.name === 'opentelemetry') yield* tracedSlots(plugin.spot);
      if (
        !/^(?:response-rewrite|echo|prometheus|datadog|lago|attach-consumer-label|traffic-label|body-transformer|fault-injection|mocking|redirect)$/.test(
          plugin.name,
        )
      ) {
        continue;
      }
      for (const spot of textsIn(plugin.spot)) {
        const found = variablesIn(String(spot.value)).find(
          (name) => secretVariables.has(name) && name !== 'http_cookie',
        );
        if (found !== undefined) yield { spot, detail: `${plugin.name} uses $${found}` };
      }
    }
  },
};

export const secretMetric: Rule = {
  id: 'secret-label',
  severity: 'error',
  title: 'a metric’s label holds a secret',
  why: 'extra_labels of the prometheus plugin take variables: a header after injection is the upstream’s secret, for everybody who may scrape; other headers let clients make new series without bound.',
  fix: 'only $http_cfcredential or $http_cfconsumer as labels from headers',
  *check({ configuration, guarded }) {
    if (guarded.length === 0) return;
    for (const config of configuration.gatewayConfigs) {
      for (const spot of textsIn(config.at('plugin_attr', 'prometheus', 'metrics'))) {
        const found = variablesIn(String(spot.value)).find((name) => secretVariables.has(name));
        const other = variablesIn(String(spot.value)).find(
          (name) => headerOf(name) !== undefined && !/^http_cf(?:credential|consumer)$/.test(name),
        );
        if (found !== undefined) yield { spot, detail: `$${found} is a label` };
        else if (other !== undefined)
          yield { spot, detail: `$${other}, which clients write, is a label`, severity: 'warning' };
      }
    }
  },
};

export const queryInjection: Rule = {
  id: 'query-injection',
  severity: 'error',
  title: 'a secret in the query',
  why: 'A function that puts the secret into ctx.var.upstream_uri writes it into access.log. One that sets URI arguments is ignored where proxy-rewrite is on the route, so that the secret never arrives (and the header that carried it must be removed).',
  fix: 'use an API key header where the API has one; else set_uri_args on a route without proxy-rewrite, and remove the header',
  *check({ guarded }) {
    for (const route of guarded) {
      for (const name of ['serverless-pre-function', 'serverless-post-function']) {
        const plugin = route.plugins.get(name);
        if (plugin === undefined || plugin.disabled) continue;
        for (const spot of plugin.spot.at('functions').children()) {
          const code = String(spot.value);
          if (/var\.upstream_uri\s*=(?!=)/.test(code)) yield { spot, detail: 'the function writes upstream_uri' };
          else if (/set_uri_args/.test(code) && rewritesPath(route)) {
            yield { spot, detail: 'set_uri_args has no effect beside proxy-rewrite' };
          }
        }
      }
    }
  },
};

function* tracedSlots(spot: Spot): Iterable<Hit> {
  for (const list of ['additional_attributes', 'additional_header_prefix_attributes']) {
    for (const item of spot.at(list).children()) {
      const name = String(item.value).toLowerCase();
      const header = name.startsWith('http_') ? name : variableOf(name.replace(/\*$/, ''));
      if (secretVariables.has(header)) yield { spot: item, detail: `${name} is traced` };
    }
  }
}

function textsIn(spot: Spot): readonly Spot[] {
  return typeof spot.value === 'string' ? [spot] : spot.children().flatMap(textsIn);
}
