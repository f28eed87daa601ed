import { denialTable, type DenialCode } from '../core/codes.ts';
import type { Decision, Deliberation } from '../core/decision.ts';
import { pathOf } from '../core/path.ts';

/** One of the ten steps of core/decide.ts. */
export interface Step {
  readonly step: number;
  readonly name: string;
  readonly result: 'passed' | 'refused' | 'assumed' | 'not reached' | 'not done';
  /** What it saw. */
  readonly saw: Readonly<Record<string, string | readonly string[]>>;
}

type Seen = Step['saw'] | undefined;

const names = ['gateway', 'request', 'upstream', 'token', 'validate', 'authorize', 'select', 'inject', 'limit', 'record'] as const; // prettier-ignore

/** What each step saw. Names and ids only. `withToken`: a token was presented, not assumed. */
export function describeSteps(decision: Decision, withToken: boolean, limits: readonly string[]): readonly Step[] {
  const d = decision.deliberation;
  const refusedAt = decision.outcome === 'allow' ? names.length : stepOf(decision.code);
  return names.map((name, at) => {
    const saw =
      name === 'limit' ? { limits, note: 'nothing is taken by an explanation' } : (seeing[name](d, decision) ?? {});
    if (at > refusedAt) return { step: at + 1, name, result: 'not reached', saw: {} };
    if (at === refusedAt && decision.outcome === 'deny') {
      return { step: at + 1, name, result: 'refused', saw: { ...saw, code: decision.code, why: denialTable[decision.code].message } }; // prettier-ignore
    }
    const isAssumed = name === 'gateway' || (!withToken && (name === 'token' || name === 'validate'));
    const result = name === 'limit' || name === 'record' ? 'not done' : isAssumed ? 'assumed' : 'passed';
    return { step: at + 1, name, result, saw };
  });
}

const seeing: Readonly<
  Record<Exclude<(typeof names)[number], 'limit'>, (d: Deliberation, decision: Decision) => Seen>
> = {
  gateway: ({ gateway }) => gateway && { gateway: gateway.id },
  request: ({ method, target }) => (method === '' ? undefined : { method, path: pathOf(target) }),
  upstream: ({ upstream, path }) =>
    upstream && { upstream: upstream.id, preset: upstream.preset.id, ...(path && { path: `/${path.segments.join('/')}` }) }, // prettier-ignore
  token: ({ upstream }) => upstream && { slots: upstream.tokenSlots.map(({ header }) => header) },
  validate: ({ token, tokenId, consumerId, consumer }) =>
    consumerId === ''
      ? undefined
      : {
          ...(tokenId === '' ? {} : { token: tokenId }),
          consumer: consumerId,
          ...(consumer && { groups: consumer.allGroups }),
          ...(token?.policies && { scopes: token.policies }),
          ...(token?.issued && { issuer: token.issued.issuer.id, scopes: token.issued.scopes }),
        },
  authorize: ({ policyId }) => (policyId === '' ? undefined : { policy: policyId }),
  select: ({ credential }) => credential && { credential: credential.credentialId, version: credential.versionId },
  inject: (_d, decision) => ({
    headers: decision.outcome === 'allow' ? decision.headers.reveal().filter((_, at) => at % 2 === 0) : [],
  }),
  record: () => ({ note: 'nothing is recorded by an explanation' }),
};

/** Index into the names: which step answers with a code. */
function stepOf(code: DenialCode): number {
  const found = places.find(([pattern]) => pattern.test(code));
  return found === undefined ? names.indexOf('validate') : names.indexOf(found[1]);
}

const places: readonly (readonly [RegExp, (typeof names)[number]])[] = [
  [/^gateway_/, 'gateway'],
  [/^(?:not_ready|audit_blocked)$/, 'gateway'],
  [/^request_malformed$/, 'request'],
  [/^(?:path_|upstream_|state_stale)/, 'upstream'],
  [/^token_(?:missing|in_query|conflict)$/, 'token'],
  [/^(?:policy_|groups_)/, 'authorize'],
  [/^limit_/, 'limit'],
  [/^credential_/, 'select'],
];
