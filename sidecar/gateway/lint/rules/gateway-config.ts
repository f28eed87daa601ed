import type { Rule } from '../rule.ts';
import { asMap, asText } from '../source.ts';
import { queryVariables, secretVariables, variablesIn } from '../variables.ts';

export const accessLog: Rule = {
  id: 'access-log-format',
  severity: 'error',
  title: 'access.log holds a secret',
  why: 'The access log is written after injection: a header slot in access_log_format is the upstream’s secret. $request, $request_uri and $args hold the query, where clients put keys that the sidecar refuses but the log keeps.',
  fix: "access_log_format with '$request_method $uri' in place of $request",
  *check({ configuration, guarded }) {
    if (guarded.length === 0) return;
    for (const config of configuration.gatewayConfigs) {
      const spot = config.at('nginx_config', 'http', 'access_log_format');
      const variables = variablesIn(asText(spot.value) ?? '');
      const secret = variables.find((name) => secretVariables.has(name));
      const query = variables.find((name) => queryVariables.has(name) && name !== 'is_args');
      if (secret !== undefined) yield { spot, detail: `access_log_format has $${secret}` };
      else if (query !== undefined) yield { spot, detail: `access_log_format has $${query}`, severity: 'warning' };
    }
  },
};

export const errorLogLevel: Rule = {
  id: 'error-log-level',
  severity: 'warning',
  title: 'error.log shows what routes hold',
  why: 'At level info or debug the gateway writes its plugins’ configuration, literal keys included, and parts of requests into error.log.',
  fix: 'error_log_level: warn',
  *check({ configuration, guarded }) {
    if (guarded.length === 0) return;
    for (const config of configuration.gatewayConfigs) {
      const spot = config.at('nginx_config', 'error_log_level');
      if (spot.value === 'info' || spot.value === 'debug') {
        yield { spot, detail: `error_log_level is ${spot.value}`, mends: [{ op: 'set', spot, value: 'warn' }] };
      }
    }
  },
};

export const ingressAnnotations: Rule = {
  id: 'ingress-annotations',
  severity: 'error',
  title: 'annotations cannot say what must be said',
  why: 'Annotations of an Ingress reach five fields of forward-auth (uri, ssl_verify and the three header lists): not extra_headers, so no gateway key and no path, and not status_on_error.',
  fix: 'an ApisixRoute with plugins, or an HTTPRoute with a PluginConfig',
  *check({ configuration }) {
    for (const ingress of configuration.ingresses) {
      const annotations = ingress.at('metadata', 'annotations');
      const name = Object.keys(asMap(annotations.value)).find((key) => key.endsWith('apisix.apache.org/auth-uri'));
      if (name !== undefined) yield { spot: annotations.at(name), detail: 'forward-auth by annotation' };
    }
  },
};

export const adcLabels: Rule = {
  id: 'adc-labels',
  severity: 'info',
  title: 'adc sync may delete what it does not know',
  why: 'adc sync deletes everything in its scope that the file lacks. Without a label to select by, that scope is the whole gateway.',
  fix: 'labels: {managed-by: credentialflow} on services, and --label-selector managed-by=credentialflow',
  *check({ configuration, guarded }) {
    if (guarded.length === 0) return;
    const services = configuration.services.filter(({ form }) => form === 'adc');
    const [first] = services.filter(({ labels }) => labels === undefined || Object.keys(labels).length === 0);
    if (first !== undefined) yield { spot: first.spot, detail: 'a service without labels' };
  },
};
