import { argHeaderPrefix, isPassableArg } from '../../../core/condition-reads.ts';
import type { Auth } from '../auth.ts';
import type { Hit, Rule } from '../rule.ts';
import { ownAuths, type View } from '../view.ts';

export const conditionNotPassed: Rule = {
  id: 'condition-not-passed',
  severity: 'error',
  title: 'a condition reads what the gateway does not pass',
  why: 'The sidecar knows of the client’s request what the gateway tells it. A policy whose `when` reads a field of the body (request.model) that does not come has no answer: its allow says nothing, its deny denies everybody. A header that is not passed looks as if the client had sent none.',
  fix: 'extra_headers: {X-CF-Arg-model: $post_arg.model}, request_headers: [x-tenant]; `apisix render` writes what the policies need',
  *check(view) {
    for (const auth of ownAuths(view)) {
      yield* missingArgs(auth, view);
      yield* missingHeaders(auth, view);
    }
  },
};

export const questionBody: Rule = {
  id: 'question-reads-body',
  severity: 'warning',
  title: 'the question reads the client’s body',
  why: 'A $post_arg variable in extra_headers makes the gateway read and parse the whole body before it asks, and sends a part of it to the sidecar. Only X-CF-Arg-<field>: $post_arg.<field> is of use there, where the condition of a policy reads that field.',
  fix: 'remove the header',
  *check(view) {
    for (const auth of ownAuths(view)) {
      for (const spot of auth.plugin.spot.at('extra_headers').children()) {
        if (typeof spot.value !== 'string' || !/\$\{?(?:post_arg|request_body)/.test(spot.value)) continue;
        const name = String(spot.path.at(-1)).toLowerCase();
        if (!passesArg(name, spot.value)) yield { spot, detail: 'the value reads the body' };
        else if (isReadByNobody(name, auth, view)) yield { spot, detail: 'no condition reads this field of the body' };
      }
    }
  },
};

/** `X-CF-Arg-model: $post_arg.model`, the same field on both sides: the client’s own text, and meant to be. */
export function passesArg(lowerName: string, value: string): boolean {
  if (!lowerName.startsWith(argHeaderPrefix)) return false;
  const field = /^\$(?:post_arg\.([\w]+)|\{post_arg\.([\w-]+)\})$/.exec(value);
  return (field?.[1] ?? field?.[2])?.toLowerCase() === lowerName.slice(argHeaderPrefix.length);
}

function* missingArgs(auth: Auth, view: View): Iterable<Hit> {
  const wanted = new Set(view.routesOf(auth).flatMap(({ facts }) => facts.reads?.args ?? []));
  for (const name of wanted) {
    if (auth.extraHeaders.has(argHeaderPrefix + name.toLowerCase())) continue;
    yield {
      spot: auth.plugin.spot.at('extra_headers'),
      detail: `extra_headers lacks X-CF-Arg-${name}`,
      severity: isPassableArg(name) ? 'error' : 'warning',
    };
  }
}

function* missingHeaders(auth: Auth, view: View): Iterable<Hit> {
  const wanted = new Set(view.routesOf(auth).flatMap(({ facts }) => facts.reads?.headers ?? []));
  const missing = [...wanted].filter((name) => !auth.requestHeaders.includes(name));
  if (missing.length === 0) return;
  const spot = auth.plugin.spot.at('request_headers');
  yield {
    spot,
    detail: `request_headers lacks ${missing.join(', ')}`,
    severity: 'warning',
    mends: [{ op: 'add', spot, values: missing }],
  };
}

function isReadByNobody(lowerName: string, auth: Auth, view: View): boolean {
  const reads = view.routesOf(auth).map(({ facts }) => facts.reads);
  const isRead = ({ args }: { readonly args: readonly string[] }): boolean =>
    args.some((name) => argHeaderPrefix + name.toLowerCase() === lowerName);
  return reads.length > 0 && reads.every((one) => one !== undefined && !isRead(one));
}
