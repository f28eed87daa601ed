import { tokenSlotHeaders } from '../../../core/preset.ts';
import { reachOf } from '../addresses.ts';
import type { Rule } from '../rule.ts';
import { asMap, asTexts, isMap } from '../source.ts';
import type { Data, Spot } from '../source.ts';
import { bodyVariables, headerOf, queryKeys, queryVariables, secretVariables, variablesIn } from '../variables.ts';
import type { Placed, View } from '../view.ts';

/** Every plugin that writes an entry for each request, in a format of its own or the default one. */
const loggers = new Set([
  'clickhouse-logger',
  'elasticsearch-logger',
  'file-logger',
  'google-cloud-logging',
  'http-logger',
  'kafka-logger',
  'loggly',
  'loki-logger',
  'rocketmq-logger',
  'skywalking-logger',
  'sls-logger',
  'splunk-hec-logging',
  'syslog',
  'tcp-logger',
  'tencent-cloud-cls',
  'udp-logger',
]);

function loggersOf({ placed }: View): readonly Placed[] {
  return placed.filter(({ plugin }) => loggers.has(plugin.name));
}

export const loggerDefaultFormat: Rule = {
  id: 'logger-default-format',
  severity: 'error',
  title: 'a logger writes the injected secret',
  why: 'Loggers run last, and the default entry of every logger of the gateway holds the request’s headers after injection: the upstream’s secret. kafka-logger’s meta_format origin is the whole request. log_format_extra only adds to the default entry.',
  fix: 'give the logger a log_format that names what you need, without header variables other than $http_cfcredential',
  *check(view) {
    for (const { plugin, routes, scope } of loggersOf(view)) {
      if (plugin.config['meta_format'] === 'origin') {
        yield { spot: plugin.spot.at('meta_format'), detail: `${plugin.name} writes the whole request` };
        continue;
      }
      if (hasFormat(plugin.config) || hasFormat(asMap(view.configuration.pluginMetadata.get(plugin.name)?.value)))
        continue;
      const masked = scope === 'route' && routes.every(({ plugins }) => masksSlots(plugins.get('data-mask')?.config));
      yield {
        spot: plugin.spot,
        what: 'key',
        detail: masked
          ? `${plugin.name} relies on data-mask, which does not run on a 400`
          : `${plugin.name} has no log_format${scope === 'global' ? ', and is global' : ''}`,
        severity: masked ? 'warning' : 'error',
      };
    }
  },
};

export const loggerSecretVariable: Rule = {
  id: 'logger-secret-variable',
  severity: 'error',
  title: 'a log format names what holds a secret',
  why: 'Loggers run after injection: $http_authorization is the upstream’s secret by then, other slots likewise. $request, $request_uri, $args and $upstream_uri hold the query, where clients put keys; bodies hold prompts.',
  fix: 'use $http_cfcredential for who, $uri for the path, and no header of the client',
  *check(view) {
    const spots = new Map<string, Spot>();
    for (const { plugin } of loggersOf(view)) {
      const metadata = view.configuration.pluginMetadata.get(plugin.name);
      const own = hasFormat(plugin.config) ? plugin.spot.at('log_format') : metadata?.at('log_format');
      const places = [
        own,
        plugin.spot.at('log_format_extra'),
        metadata?.at('log_format_extra'),
        plugin.spot.at('log_labels'),
      ];
      for (const spot of places.filter((place) => place !== undefined)) {
        for (const leaf of leavesOf(spot)) spots.set(`${leaf.file}\n${leaf.index}\n${leaf.path.join('\n')}`, leaf);
      }
    }
    const injected = new Set(view.guarded.flatMap(({ facts }) => facts.injected));
    for (const spot of spots.values()) {
      // Only a value that starts with $ is a variable; labels of Loki interpolate.
      const text = String(spot.value);
      if (!text.startsWith('$')) continue;
      for (const variable of variablesIn(text)) {
        const severity = gravity(variable, injected);
        if (severity !== undefined) yield { spot, detail: `$${variable} is logged`, severity };
      }
    }
  },
};

function gravity(variable: string, injected: ReadonlySet<string>): 'error' | 'warning' | undefined {
  if (secretVariables.has(variable) || injected.has(headerOf(variable) ?? '')) return 'error';
  if (bodyVariables.has(variable) || queryVariables.has(variable) || queryKeys.test(variable)) return 'warning';
  return undefined;
}

export const loggerBody: Rule = {
  id: 'logger-body',
  severity: 'warning',
  title: 'bodies are logged',
  why: 'Bodies hold prompts, answers and whatever else clients send; a key that a client put into its body is in the log, too. They also hold whole streams in the gateway’s memory.',
  fix: 'include_req_body: false, include_resp_body: false, ai-proxy without logging.payloads',
  *check(view) {
    for (const { plugin } of loggersOf(view)) {
      for (const key of ['include_req_body', 'include_resp_body']) {
        const spot = plugin.spot.at(key);
        if (spot.value === true) yield { spot, detail: `${key} is true`, mends: [{ op: 'set', spot, value: false }] };
      }
    }
    for (const { plugin } of view.placed) {
      const spot = plugin.spot.at('logging', 'payloads');
      if (spot.value === true)
        yield { spot, detail: 'payloads are logged', mends: [{ op: 'set', spot, value: false }] };
    }
  },
};

export const globalLoggerBeforeMask: Rule = {
  id: 'global-logger-before-mask',
  severity: 'error',
  title: 'a mask that comes too late',
  why: 'data-mask of a route does not reach a logger of a global rule, which has taken its entry before; and it does not run on a 400 (before 3.19).',
  fix: 'put data-mask into the global rule, too, or give the logger a log_format without secrets',
  *check(view) {
    const masks = view.guarded.some(({ plugins }) => plugins.has('data-mask'));
    if (!masks || view.placed.some(({ plugin, scope }) => scope === 'global' && plugin.name === 'data-mask')) return;
    for (const { plugin, scope } of loggersOf(view)) {
      if (scope !== 'global') continue;
      const format =
        hasFormat(plugin.config) || hasFormat(asMap(view.configuration.pluginMetadata.get(plugin.name)?.value));
      if (!format) yield { spot: plugin.spot, what: 'key', detail: `${plugin.name} is global, data-mask is not` };
    }
  },
};

export const logReceiver: Rule = {
  id: 'log-receiver',
  severity: 'warning',
  title: 'the sidecar learns nothing from the log',
  why: 'The sidecar takes batches at /api/logs with the log key only, and knows by cfcredential which credential an entry is about: without them entries are refused, or tell nothing. With the default max_retry_count of 0 a batch that fails is lost.',
  fix: "auth_header: 'Bearer ${{CREDENTIALFLOW_LOG_KEY}}', and credential: $http_cfcredential and request_id: $request_id in log_format",
  *check(view) {
    for (const { plugin } of loggersOf(view)) {
      const { uri, auth_header: header } = plugin.config;
      if (plugin.name !== 'http-logger' || typeof uri !== 'string' || !/\/api\/logs\/?$/.test(uri)) continue;
      if (header === undefined) yield { spot: plugin.spot.at('auth_header'), detail: 'auth_header is missing' };
      if (!hasFormat(plugin.config)) continue;
      const values = leavesOf(plugin.spot.at('log_format')).map(({ value }) => String(value));
      const spot = plugin.spot.at('log_format');
      if (!values.includes('$http_cfcredential')) yield { spot, detail: 'log_format has no $http_cfcredential' };
      else if (values.includes('$apisix_request_id') || values.includes('$http_x_request_id')) {
        yield { spot, detail: 'the request id is the client’s own: use $request_id' };
      }
    }
  },
};

export const loggerPlainHttp: Rule = {
  id: 'logger-plain-http',
  severity: 'warning',
  title: 'the log key crosses the network in clear',
  why: 'auth_header is sent with every batch. Over http it, and who asked for what, is in clear for everybody between.',
  fix: 'a receiver on the loopback, or https with ssl_verify: true',
  *check(view) {
    for (const { plugin } of loggersOf(view)) {
      const { uri, auth_header: header } = plugin.config;
      if (plugin.name !== 'http-logger' || header === undefined || typeof uri !== 'string' || !URL.canParse(uri))
        continue;
      const { protocol, hostname } = new URL(uri);
      if (protocol === 'http:' && reachOf(hostname) !== 'loopback') {
        yield { spot: plugin.spot.at('uri'), detail: `http to ${hostname}, with auth_header` };
      }
    }
  },
};

function hasFormat({ log_format: format }: Data): boolean {
  return isMap(format) && Object.keys(format).length > 0;
}

function leavesOf(spot: Spot): readonly Spot[] {
  return typeof spot.value === 'string' ? [spot] : spot.children().flatMap(leavesOf);
}

/** True where each slot is masked by name. */
function masksSlots(config: Data | undefined): boolean {
  const masks = Array.isArray(config?.['request']) ? config['request'].map(asMap) : [];
  const headers = masks.filter(({ type }) => type === 'header').flatMap(({ name }) => asTexts(name));
  return tokenSlotHeaders.every((slot) => headers.some((name) => name.toLowerCase() === slot));
}
