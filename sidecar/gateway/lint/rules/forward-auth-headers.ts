import { commonSteeringHeaders, consumerHeader, credentialHeader, tokenSlotHeaders } from '../../../core/preset.ts';
import type { Auth } from '../auth.ts';
import type { Hit, Rule, Severity } from '../rule.ts';
import { asTexts } from '../source.ts';
import { variableOf } from '../variables.ts';
import { ownAuths, type EffectiveRoute, type View } from '../view.ts';

const forbiddenInQuestion =
  /^(?:x-forwarded-.*|forwarded|host|connection|content-length|transfer-encoding|expect|te|upgrade|keep-alive|x-cf-.*)$/;
const forbiddenUpstream = /^(?:content-length|transfer-encoding|connection|host|te|upgrade|keep-alive)$/;

export const requestHeadersSlot: Rule = {
  id: 'request-headers-slot',
  severity: 'warning',
  title: 'the sidecar does not see a token slot',
  why: 'forward-auth sends no header of the client that is not in request_headers, not even Authorization. A client that puts its key into a slot that is missing there is told that it has none; two different keys in two slots are not noticed.',
  fix: 'request_headers: [authorization, x-api-key, api-key, x-goog-api-key, traceparent]',
  check: (view) =>
    lacking(view, 'request_headers', (routes) => slotsOf(routes).wanted, {
      severity: (missing, routes) => (missing.some((name) => slotsOf(routes).own.includes(name)) ? 'error' : 'warning'),
    }),
};

export const requestHeadersForbidden: Rule = {
  id: 'request-headers-forbidden',
  severity: 'error',
  title: 'the client may write a header of the question',
  why: 'A listed header is copied from the client. In lower case a client’s own x-forwarded-uri wins over the gateway’s, so that it is judged for another path; x-cf-* would name another route or gateway; a listed content-length hangs the question until its time-out; host, connection, transfer-encoding and expect break it.',
  fix: 'remove it from request_headers: the gateway sends what the sidecar needs by itself',
  check: (view) => naming(view, 'request_headers', forbiddenInQuestion),
};

export const upstreamHeadersSlot: Rule = {
  id: 'upstream-headers-slot',
  severity: 'error',
  title: 'the client’s token may reach the upstream',
  why: 'The sidecar answers every token slot, empty where unused, and that empty value is what removes the client’s own. A slot that is not in upstream_headers is dropped without a word: the client’s token (or a key of its choice) passes, and a secret for that slot never arrives. Before 3.17 this was so even for listed headers that an answer left out (CVE-2026-39998).',
  fix: 'upstream_headers must name authorization, x-api-key, api-key and x-goog-api-key',
  check: (view) =>
    lacking(view, 'upstream_headers', (routes) => [
      ...slotsOf(routes).wanted,
      ...routes.flatMap(({ facts }) => facts.injected),
    ]),
};

export const upstreamHeadersSteering: Rule = {
  id: 'upstream-headers-steering',
  severity: 'warning',
  title: 'the client may steer the upstream',
  why: 'x-http-method-override, x-original-url and their like make some servers act on another method or path than the policy judged; headers like openai-organization choose who pays. The sidecar empties or pins them, but a header that upstream_headers lacks is dropped, and the client’s own passes.',
  fix: 'add them to upstream_headers',
  check: (view) =>
    lacking(view, 'upstream_headers', (routes) => [
      ...commonSteeringHeaders,
      ...routes.flatMap(({ facts }) => facts.steering),
    ]),
};

export const upstreamHeadersMarker: Rule = {
  id: 'upstream-headers-marker',
  severity: 'warning',
  title: 'the client may write the names that logs and limits read',
  why: 'cfcredential names the credential version for the gateway’s log, cfconsumer the consumer for its plugins. The answer’s value replaces a client’s forged copies only where upstream_headers names the header.',
  fix: 'add cfcredential to upstream_headers, and cfconsumer where something reads it',
  check: (view) =>
    lacking(view, 'upstream_headers', (routes) => [
      credentialHeader,
      ...(readsConsumer(routes, view) ? [consumerHeader] : []),
    ]),
};

export const upstreamHeadersForbidden: Rule = {
  id: 'upstream-headers-forbidden',
  severity: 'error',
  title: 'the answer’s framing would reach the upstream',
  why: 'A header in upstream_headers is copied from the sidecar’s answer into the request. content-length, transfer-encoding and connection describe the answer, not the request: the upstream would misread the body, which is how requests are smuggled. host has no effect.',
  fix: 'remove it from upstream_headers',
  check: (view) => naming(view, 'upstream_headers', forbiddenUpstream),
};

export const upstreamHeadersCase: Rule = {
  id: 'upstream-headers-case',
  severity: 'info',
  title: 'header names in upper case',
  why: 'Case does not matter to HTTP, but APISIX 3.16 and 3.17 cache request headers by their case when ai-proxy follows: the provider may get the client’s value instead of the injected one.',
  fix: 'write the names in lower case',
  *check(view) {
    for (const auth of ownAuths(view)) {
      const ai = view.routesOf(auth).some(({ plugins }) => plugins.has('ai-proxy') || plugins.has('ai-proxy-multi'));
      const fixed = view.version !== undefined && (view.version.major > 3 || view.version.minor >= 18);
      const list = auth.plugin.spot.at('upstream_headers');
      const upper = list.children().filter(({ value }) => typeof value === 'string' && value !== value.toLowerCase());
      const [first] = upper;
      if (first === undefined) continue;
      yield {
        spot: first,
        detail: `${asTexts(upper.map(({ value }) => value)).join(', ')} in upper case`,
        severity: ai && !fixed ? 'warning' : 'info',
        mends: upper.map((spot) => ({ op: 'set', spot, value: String(spot.value).toLowerCase() })),
      };
    }
  },
};

type List = 'request_headers' | 'upstream_headers';

const namesIn = (auth: Auth, list: List): readonly string[] =>
  list === 'request_headers' ? auth.requestHeaders : auth.upstreamHeaders;

/** A hit for each question of ours whose list lacks wanted names; the mend adds them. */
function* lacking(
  view: View,
  list: List,
  wanted: (routes: readonly EffectiveRoute[]) => readonly string[],
  options: {
    /** Default: the rule's own. */
    readonly severity?: (missing: readonly string[], routes: readonly EffectiveRoute[]) => Severity;
  } = {},
): Iterable<Hit> {
  for (const auth of ownAuths(view)) {
    const routes = view.routesOf(auth);
    const missing = [...new Set(wanted(routes))].filter((name) => !namesIn(auth, list).includes(name));
    if (missing.length === 0) continue;
    const spot = auth.plugin.spot.at(list);
    yield {
      spot,
      detail: `${list} lacks ${missing.join(', ')}`,
      mends: [{ op: 'add', spot, values: missing }],
      ...(options.severity && { severity: options.severity(missing, routes) }),
    };
  }
}

/** A hit for each forbidden name in a list, of whatever question; the mend removes it. */
function* naming({ auths }: View, list: List, forbidden: RegExp): Iterable<Hit> {
  for (const auth of auths) {
    for (const [index, name] of namesIn(auth, list).entries()) {
      if (!forbidden.test(name)) continue;
      const spot = auth.plugin.spot.at(list, index);
      yield { spot, detail: `${list} names ${name}`, mends: [{ op: 'remove', spot }] };
    }
  }
}

/** The slots that a question about these routes must know, and those that the APIs behind it use. */
function slotsOf(routes: readonly EffectiveRoute[]): {
  readonly wanted: readonly string[];
  readonly own: readonly string[];
} {
  if (routes.length === 0) return { wanted: tokenSlotHeaders, own: ['authorization'] };
  return {
    wanted: tokenSlotHeaders.filter((slot) => routes.some(({ facts }) => facts.answered.includes(slot))),
    own: routes.flatMap(({ facts }) => facts.slots ?? ['authorization']),
  };
}

function readsConsumer(routes: readonly EffectiveRoute[], { placed }: View): boolean {
  if (routes.some(({ facts }) => facts.identityHeader)) return true;
  const variable = variableOf(consumerHeader);
  return placed.some(
    ({ plugin, routes: on }) =>
      plugin.name !== 'forward-auth' &&
      on.some((route) => routes.includes(route)) &&
      JSON.stringify(plugin.config).includes(variable),
  );
}
