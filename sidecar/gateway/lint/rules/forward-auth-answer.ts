import { asMap } from '../source.ts';
import type { Rule } from '../rule.ts';
import { ownAuths } from '../view.ts';

const clientHeaders = ['www-authenticate', 'retry-after', 'x-should-retry'] as const;

export const degradation: Rule = {
  id: 'degradation',
  severity: 'error',
  title: 'a failed question lets the request through',
  why: 'With allow_degradation the gateway sends the request on when the sidecar gives no usable answer, and skips the clearing of headers too: the client’s own token and every header it forged reach the upstream. A client can cause the failure.',
  fix: 'allow_degradation: false, which is the default',
  *check({ auths }) {
    for (const { plugin } of auths) {
      const spot = plugin.spot.at('allow_degradation');
      if (spot.value !== true) continue;
      yield { spot, detail: 'allow_degradation is true', mends: [{ op: 'set', spot, value: false }] };
    }
  },
};

export const statusOnError: Rule = {
  id: 'status-on-error',
  severity: 'warning',
  title: 'a sidecar that does not answer looks like something else',
  why: 'status_on_error is what the client gets when the question fails; its default is 403, which looks like a missing permission and is not retried by any SDK. A status below 300 answers with an empty success that never came from the upstream.',
  fix: 'status_on_error: 503',
  *check({ auths }) {
    for (const { plugin } of auths) {
      const spot = plugin.spot.at('status_on_error');
      const status = typeof spot.value === 'number' ? spot.value : 403;
      if (status >= 500) continue;
      yield {
        spot,
        detail: spot.value === undefined ? 'status_on_error is missing, so it is 403' : `status_on_error is ${status}`,
        severity: status < 400 ? 'error' : 'warning',
        mends: [{ op: 'set', spot, value: 503 }],
      };
    }
  },
};

export const clientHeadersRule: Rule = {
  id: 'client-headers',
  severity: 'warning',
  title: 'the client cannot read a denial',
  why: 'Of a denial only the headers in client_headers reach the client. Without content-type the body arrives as text/plain and SDKs do not find their own error in it; without www-authenticate, retry-after and x-should-retry they retry what is hopeless and give up on what is not.',
  fix: 'client_headers: [content-type, www-authenticate, retry-after, retry-after-ms, x-should-retry, x-cf-decision]',
  *check(view) {
    for (const { plugin, clientHeaders: listed } of ownAuths(view)) {
      const spot = plugin.spot.at('client_headers');
      const missing = ['content-type', ...clientHeaders].filter((name) => !listed.includes(name));
      if (missing.length === 0) continue;
      yield {
        spot,
        detail: `client_headers lacks ${missing.join(', ')}`,
        severity: missing.includes('content-type') ? 'warning' : 'info',
        mends: [{ op: 'add', spot, values: missing }],
      };
    }
  },
};

export const clientHeadersSecret: Rule = {
  id: 'client-headers-secret',
  severity: 'error',
  title: 'a header that may hold a secret is shown to clients',
  why: 'client_headers are copied from the answer to the client. A slot in which the sidecar puts secrets has no business there.',
  fix: 'remove the token slots and cfcredential from client_headers',
  *check({ auths }) {
    for (const { plugin, clientHeaders: listed } of auths) {
      for (const [index, name] of listed.entries()) {
        if (!/^(?:authorization|x-api-key|api-key|x-goog-api-key|cfcredential|cfconsumer)$/.test(name)) continue;
        const spot = plugin.spot.at('client_headers', index);
        yield { spot, detail: `client_headers names ${name}`, mends: [{ op: 'remove', spot }] };
      }
    }
  },
};

export const requestMethodPost: Rule = {
  id: 'request-method-post',
  severity: 'warning',
  title: 'the question carries the client’s body',
  why: 'With request_method POST the gateway buffers the whole body before it asks: no streaming up, 413 over max_req_body_size, and every prompt goes to the sidecar, which does not read it. APISIX 3.8 to 3.13 lost the body on its way upstream.',
  fix: 'request_method: GET, which is the default',
  *check(view) {
    const { version } = view;
    const loses = version?.major === 3 && version.minor >= 8 && version.minor <= 13;
    for (const { plugin } of ownAuths(view)) {
      const spot = plugin.spot.at('request_method');
      if (spot.value !== 'POST') continue;
      yield {
        spot,
        detail: 'request_method is POST',
        severity: loses ? 'error' : 'warning',
        mends: [{ op: 'set', spot, value: 'GET' }],
      };
    }
  },
};

export const authTimeout: Rule = {
  id: 'auth-timeout',
  severity: 'warning',
  title: 'the gateway gives up before the sidecar answers',
  why: 'A decision that must look something up has 800 ms. A gateway that waits no longer than that answers status_on_error where the sidecar would have said what is wrong. Above 10 s a hung connection holds every request behind it.',
  fix: 'timeout: 1500',
  *check(view) {
    for (const { plugin } of ownAuths(view)) {
      const spot = plugin.spot.at('timeout');
      if (typeof spot.value !== 'number' || (spot.value >= 1_000 && spot.value <= 10_000)) continue;
      yield { spot, detail: `timeout is ${spot.value} ms`, mends: [{ op: 'set', spot, value: 1_500 }] };
    }
  },
};

export const doubleAuth: Rule = {
  id: 'double-auth',
  severity: 'warning',
  title: 'the sidecar is asked twice',
  why: 'A global rule’s forward-auth runs before a route’s, and both ask. The second question carries what the first injected: the upstream’s secret as if it were the client’s token, which is refused, or forwarded to another service.',
  fix: 'keep forward-auth either in a global rule or on the routes',
  *check({ configuration, routes }) {
    const globals = configuration.globalRules.flatMap(({ plugins }) => [...plugins.values()]);
    const [global] = globals.filter(({ name, disabled }) => name === 'forward-auth' && !disabled);
    if (global === undefined) return;
    for (const { plugins, route } of routes) {
      const own = plugins.get('forward-auth');
      if (own === undefined || own.disabled || route.disabled) continue;
      yield { spot: own.spot, what: 'key', detail: 'a global rule has forward-auth, too' };
    }
  },
};

export const consumerAuth: Rule = {
  id: 'consumer-overrides-auth',
  severity: 'error',
  title: 'a consumer replaces the question',
  why: 'Plugins of a consumer or consumer group win over the same plugins of a route: who signs in as that consumer is asked about in another way, or not at all.',
  fix: 'remove forward-auth from the consumer; rights of single callers belong into policies',
  *check({ configuration, guarded }) {
    if (guarded.length === 0) return;
    for (const { plugins } of configuration.consumers) {
      const plugin = plugins.get('forward-auth');
      if (plugin !== undefined) yield { spot: plugin.spot, what: 'key', detail: 'a consumer has forward-auth' };
    }
  },
};

export const metaDisable: Rule = {
  id: 'meta-disable',
  severity: 'error',
  title: 'forward-auth is switched off',
  why: 'With _meta.disable (or enable: false in a manifest) the plugin is there to read but does not run: requests pass unasked, with the client’s own token. On a route it also switches off the forward-auth of its service or plugin_config.',
  fix: 'remove the switch, or the whole route',
  *check({ switchedOff }) {
    for (const { plugin } of switchedOff) {
      const meta = asMap(plugin.config['_meta'])['disable'] === true;
      const spot = plugin.spot.at('_meta', 'disable');
      yield meta
        ? { spot, detail: '_meta.disable is true', mends: [{ op: 'set', spot, value: false }] }
        : { spot: plugin.spot, what: 'key', detail: 'the plugin is not enabled' };
    }
  },
};
