import type { Plugin } from '../configuration.ts';
import type { Rule } from '../rule.ts';
import { asMap } from '../source.ts';
import type { Spot } from '../source.ts';
import { ownAuths, type View } from '../view.ts';

/** Values that hold a key, wherever they are. */
function* keySpots(
  view: View,
): Iterable<{ readonly spot: Spot; readonly form: Plugin['spot']; readonly what: string }> {
  for (const { plugin, extraHeaderName } of ownAuths(view)) {
    const name = extraHeaderName('x-cf-gateway-key');
    if (name !== undefined) {
      yield { spot: plugin.spot.at('extra_headers', name), form: plugin.spot, what: 'the gateway key' };
    }
  }
  for (const { plugin } of view.placed) {
    if (plugin.name === 'http-logger' && typeof plugin.config['auth_header'] === 'string') {
      yield { spot: plugin.spot.at('auth_header'), form: plugin.spot, what: 'the log key' };
    }
  }
}

const reference = /^(?:\w+ )?(?:\$\{\{\s*\w+(?:\s*:=[^}]*)?\s*\}\}|\$\{\w+\}|\$(?:env|secret|ENV|SECRET):\/\/\S+)$/;

export const literalKey: Rule = {
  id: 'literal-key',
  severity: 'error',
  title: 'a key stands in the configuration',
  why: 'Whoever reads the file, its repository, the Admin API, or error.log at level info has the key, and with the gateway key can ask the sidecar for secrets.',
  fix: "'${{CREDENTIALFLOW_GATEWAY_KEY}}' in apisix.yaml, $env://CREDENTIALFLOW_GATEWAY_KEY as the whole value elsewhere (3.17 and newer)",
  *check(view) {
    for (const { spot, what } of keySpots(view)) {
      const value = String(spot.value);
      if (reference.test(value) || value.startsWith('://') || value.includes('$env://')) continue;
      yield {
        spot,
        detail: value.includes('$')
          ? `${what} is a literal, and its $ would be taken for a variable`
          : `${what} is a literal`,
      };
    }
  },
};

export const envReference: Rule = {
  id: 'env-reference',
  severity: 'error',
  title: 'a reference that the gateway does not resolve',
  why: '$env://NAME is resolved as a whole value only, from 3.17 on: inside a longer value, or in 3.16 and older, every gateway in the world sends the constant ://NAME, which is no secret. The sidecar refuses keys that begin with ://.',
  fix: '$env://NAME as the whole value on 3.17 or newer, or ${{NAME}} in apisix.yaml',
  *check(view) {
    const old = view.version !== undefined && view.version.major === 3 && view.version.minor < 17;
    for (const { auth, spot } of extraValues(view)) {
      const value = spot.value;
      if (!auth.ours || typeof value !== 'string') continue;
      if (value.startsWith('://')) yield { spot, detail: 'the value is what is left of a reference' };
      else if (/.\$(?:env|secret):\/\//i.test(value))
        yield { spot, detail: 'the reference stands inside a longer value' };
      else if (/^\$(?:env|secret):\/\//i.test(value) && old) yield { spot, detail: 'this gateway does not resolve it' };
    }
    for (const { spot, what } of keySpots(view)) {
      const value = String(spot.value);
      if (what === 'the log key' && /.\$(?:env|secret):\/\//i.test(value)) {
        yield { spot, detail: 'the reference stands inside a longer value' };
      }
    }
  },
};

export const templateElsewhere: Rule = {
  id: 'template-elsewhere',
  severity: 'error',
  title: '${{NAME}} outside of a file of the gateway',
  why: '${{NAME}} is replaced while the gateway loads apisix.yaml or config.yaml. Sent through the Admin API, ADC or an ingress controller it stays as it is, and every gateway sends the same text as its key.',
  fix: '$env://NAME as the whole value (3.17 and newer), with the variable in the gateway’s environment',
  *check({ auths, placed, configuration }) {
    const forms = new Map(
      [
        ...configuration.routes,
        ...configuration.services,
        ...configuration.pluginConfigs,
        ...configuration.globalRules,
      ].flatMap(({ form, plugins }) => [...plugins.values()].map((plugin) => [plugin.spot, form] as const)),
    );
    for (const plugin of new Set([...auths.map((auth) => auth.plugin), ...placed.map((one) => one.plugin)])) {
      const form = forms.get(plugin.spot);
      if (form === undefined || form === 'standalone') continue;
      for (const spot of textsIn(plugin.spot)) {
        if (/\$\{\{.*\}\}/.test(String(spot.value))) yield { spot, detail: 'nobody replaces this here' };
      }
    }
  },
};

export const rewriteToken: Rule = {
  id: 'rewrite-overwrites-token',
  severity: 'error',
  title: 'proxy-rewrite changes a token slot',
  why: 'proxy-rewrite runs before forward-auth: a header that it sets replaces the client’s token in the question, so that every client is judged (or refused) as one, and one that it removes hides it. A literal there is a secret in the configuration.',
  fix: 'remove the header from proxy-rewrite: the sidecar sets and clears the slots',
  *check({ placed }) {
    for (const { plugin } of placed) {
      if (plugin.name !== 'proxy-rewrite') continue;
      const headers = asMap(plugin.config['headers']);
      const sections = ['set', 'add', 'remove'].filter((section) => section in headers);
      for (const name of sections.length === 0
        ? Object.keys(headers)
        : sections.flatMap((section) => namesIn(headers[section]))) {
        if (!/^(?:authorization|x-api-key|api-key|x-goog-api-key|x-cf-.*|cfcredential|cfconsumer)$/i.test(name))
          continue;
        yield { spot: plugin.spot.at('headers'), detail: `proxy-rewrite touches ${name.toLowerCase()}` };
        break;
      }
    }
  },
};

function namesIn(section: unknown): readonly string[] {
  return Array.isArray(section) ? section.filter((name) => typeof name === 'string') : Object.keys(asMap(section));
}

function* extraValues({ auths }: View) {
  for (const auth of auths) for (const spot of auth.plugin.spot.at('extra_headers').children()) yield { auth, spot };
}

function textsIn(spot: Spot): readonly Spot[] {
  return typeof spot.value === 'string' ? [spot] : spot.children().flatMap(textsIn);
}
