import { denialTable, type DenialCode } from '../core/codes.ts';
import { decide } from '../core/decide.ts';
import type { Decision, DecisionContext, Deliberation, Question } from '../core/decision.ts';
import type { HealthView } from '../core/health.ts';
import type { Limiter, LimitState, LimitUse, LimitView } from '../core/limit.ts';
import { pathOf } from '../core/path.ts';
import type { TokenValidator } from '../core/ports.ts';
import type { GatewayEntry, PolicyEntry, Snapshot } from '../core/snapshot.ts';
import { askPolicies } from '../core/steps/authorize.ts';
import type { PolicyCompiling } from './compile.ts';
import type { PolicyExplanation } from './explain-policy.ts';
import { sayLeft, showLimit, type ShownLimit } from './explain-limits.ts';
import { describeSteps, type Step } from './explain-steps.ts';

/** A request as somebody imagines it. */
export interface Asked {
  readonly upstream: string;
  /** Upper case. */
  readonly method: string;
  /** As the client sends it to the gateway, prefix and query included. */
  readonly uri: string;
  /** Where the route rewrites: as the upstream receives it. */
  readonly upstreamUri?: string | undefined;
  /** Lower-case names; what conditions may read. */
  readonly headers: Readonly<Record<string, string>>;
  readonly nowMs: number;
  /** Whether a limit without room refuses it; false where it is asked about another time than now. */
  readonly limited?: boolean;
  /** Default: the first that may ask for the upstream. */
  readonly gateway?: string | undefined;
  readonly who: AskedToken | AskedConsumer;
}

interface AskedToken {
  readonly token: string;
}

interface AskedConsumer {
  readonly consumer: string;
  readonly tokenId?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** What the token of another issuer said. */
  readonly issued?: AskedIssued | undefined;
}

/** The deny-list is asked by what is given of the last two. */
export interface AskedIssued {
  /** Id of the issuer. */
  readonly issuer: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly issuedAtMs?: number;
  readonly revocationKeys?: readonly string[];
}

export interface Explanation {
  /** `allow`, or the code of the denial. */
  readonly outcome: string;
  readonly status: number;
  readonly message: string;
  readonly steps: readonly Step[];
  /** Which policy decided; undefined: none did. */
  readonly decidedBy: string | undefined;
  /** Those that name the consumer, the nearest first: what decided, what would have, what nearly did. */
  readonly policies: readonly (PolicyExplanation & { readonly place?: string | undefined })[];
  /** How many more name the consumer. */
  readonly morePolicies: number;
  /** Those that are meant for it, as they are now; empty: none, or it is refused before. */
  readonly limits: readonly ShownLimit[];
  readonly credential: { readonly id: string; readonly version: string } | undefined;
  /** What a policy in shadow mode would have made of it. */
  readonly shadow: { readonly policy: string; readonly effect: 'allow' | 'deny' } | undefined;
  /** What would have to change for it to be allowed; empty where it is. */
  readonly toAllow: readonly string[];
}

export interface ExplainDeps {
  readonly snapshot: Snapshot;
  readonly policies: Pick<PolicyCompiling, 'explain'>;
  /** For presented tokens. */
  readonly validators: readonly TokenValidator[];
  readonly stateAgeMs: () => number;
  /** Of the credentials; default: nothing is known against any. */
  readonly health?: HealthView;
  /** Default: nobody looks at them, and none refuses. */
  readonly limits?: LimitView;
  /** Where a policy is written down; undefined: nobody knows. */
  readonly placeOf?: (policyId: string) => Promise<string | undefined>;
}

const shownPolicies = 10;

/** The decision as it would be made, and why. Nothing is recorded, counted or used up. Never shows a token or secret. */
export async function explain(asked: Asked, deps: ExplainDeps): Promise<Explanation> {
  const limits: LimitState[] = [];
  const decision = await decideAsked(asked, deps, limits);
  const d = decision.deliberation;
  const all = explainPolicies(d, deps);
  const policies = await Promise.all(
    all.slice(0, shownPolicies).map(async (policy) => ({ ...policy, place: await deps.placeOf?.(policy.policy) })),
  );
  const code = decision.outcome === 'allow' ? undefined : decision.code;
  return {
    outcome: code ?? 'allow',
    status: code === undefined ? 200 : denialTable[code].status,
    message: code === undefined ? 'The request is allowed.' : denialTable[code].message,
    steps: describeSteps(decision, 'token' in asked.who, limits.map(sayLeft)),
    decidedBy: d.policyId === '' ? undefined : d.policyId,
    policies,
    morePolicies: all.length - policies.length,
    limits: limits.map(showLimit),
    credential: d.credential && { id: d.credential.credentialId, version: d.credential.versionId },
    shadow: d.shadow && { policy: d.shadow.rule.policyId, effect: d.shadow.effect },
    toAllow: code === undefined ? [] : whatToChange(code, d, all),
  };
}

/** Through the real steps, for a gateway and (where only a consumer is named) a token that are assumed. */
export function decideAsked(
  asked: Asked,
  deps: Omit<ExplainDeps, 'policies'>,
  /** Gets the limits that would count it, as they are. */
  limits: LimitState[] = [],
): Decision | Promise<Decision> {
  const gateway = gatewayOf(asked, deps.snapshot);
  const snapshot: Snapshot = { ...deps.snapshot, gatewaysByKey: new Map(gateway && [[assumedKey, gateway]]) };
  return decide(questionOf(asked, snapshot), contextOf(asked, deps, snapshot, limits));
}

const assumedKey = 'assumed';

/** Whatever it asks from, with whichever key: neither is what is asked about. */
function gatewayOf({ gateway, upstream }: Asked, { gatewaysByKey }: Snapshot): GatewayEntry | undefined {
  const keys = [{ sha256: assumedKey, expiresAtMs: Infinity }];
  const known = [...new Set(gatewaysByKey.values())];
  const found = known.find((entry) =>
    gateway === undefined ? entry.upstreams?.has(upstream) !== false : entry.id === gateway,
  );
  if (found !== undefined) return { ...found, keys, allowsAddress: undefined };
  if (gateway !== undefined || known.length > 0) return undefined;
  return { id: assumedKey, disabled: false, keys, upstreams: undefined, allowsAddress: undefined };
}

function questionOf(asked: Asked, snapshot: Snapshot): Question {
  const { uri, upstreamUri, method, who } = asked;
  const [slot] = snapshot.upstreams.get(asked.upstream)?.tokenSlots ?? [];
  const value = 'token' in who ? who.token : assumedKey;
  const headers: Record<string, string | undefined> = {
    ...asked.headers,
    'x-cf-gateway-key': assumedKey,
    'x-forwarded-method': method,
    'x-forwarded-uri': uri,
    'x-cf-raw-uri': uri,
    'x-cf-upstream-uri': upstreamUri,
  };
  if (slot !== undefined) headers[slot.header] = slot.scheme === undefined ? value : `${slot.scheme} ${value}`;
  return { upstream: asked.upstream, headers, conflicting: [], address: '' };
}

function contextOf(
  { who, nowMs, limited = false }: Asked,
  deps: Omit<ExplainDeps, 'policies'>,
  snapshot: Snapshot,
  limits: LimitState[],
): DecisionContext {
  return {
    snapshot: () => snapshot,
    validators: 'token' in who ? deps.validators : [assuming(who, snapshot)],
    clock: { now: () => nowMs, monotonic: () => 0, after: () => nothing, every: () => nothing },
    hashGatewayKey: () => assumedKey,
    stateAgeMs: deps.stateAgeMs,
    health: { find: (versionId) => deps.health?.find(versionId) },
    pausedBy: () => undefined,
    limiter: deps.limits === undefined ? boundless : lookingAt(deps.limits, limits, limited),
    newDecisionId: () => '',
    record: nothing,
    onFault: nothing,
  };
}

const boundless: Limiter = { take: () => undefined, settle: () => false };

/** Looks where a decision takes. */
function lookingAt(view: LimitView, seen: LimitState[], refuses: boolean): Limiter {
  return {
    async take(uses: readonly LimitUse[]) {
      const states = await view.look(uses);
      seen.push(...states);
      const full = states.find(({ limit, used }) => limit.enforced && used >= limit.most);
      if (!refuses || full === undefined) return undefined;
      return { limit: full.limit, retryAfterMs: full.freesInMs, known: true };
    },
    settle: () => false,
  };
}

function nothing(): void {
  return;
}

function assuming({ consumer, tokenId = '', scopes, issued }: AskedConsumer, snapshot: Snapshot): TokenValidator {
  const facts = { tokenId, consumerId: consumer, notBeforeMs: 0, expiresAtMs: Number.MAX_SAFE_INTEGER, revokedAtMs: 0 };
  return {
    kind: assumedKey,
    accepts: () => true,
    validate() {
      if (issued === undefined) return scopes === undefined ? facts : { ...facts, policies: scopes };
      const issuer = [...snapshot.issuers.values()].find(({ id }) => id === issued.issuer);
      if (issuer === undefined) return { deny: 'issuer_unknown' };
      return { ...facts, issued: { issuedAtMs: 0, revocationKeys: [], ...issued, issuer, claims: {} } };
    },
  };
}

/** What decided first, then what matches, then by how little is missing. */
function explainPolicies(d: Deliberation, { policies }: ExplainDeps): readonly PolicyExplanation[] {
  const { upstream, consumer, path } = d;
  if (upstream === undefined || consumer === undefined || path === undefined) return [];
  const question = askPolicies(d, path, consumer);
  const explained = policiesOf(d).map((policy) => policies.explain(policy, upstream.id, question));
  const rank = (one: PolicyExplanation): number =>
    one.policy === d.policyId ? -1 : one.checks.filter(({ ok }) => !ok).length + (one.shadow ? 0.5 : 0);
  return explained.sort((a, b) => rank(a) - rank(b));
}

/** Those that name the consumer, of whichever upstream. */
function policiesOf({ snapshot, consumer, consumerId }: Deliberation): readonly PolicyEntry[] {
  const found = new Set<PolicyEntry>();
  for (const subject of [consumerId, ...(consumer?.subjects ?? [])]) {
    for (const policy of snapshot.policiesBySubject.get(subject) ?? []) {
      const wanted = subject.startsWith('label:') ? Object.entries(policy.spec.labels) : [];
      if (wanted.every(([name, value]) => consumer?.labels[name] === value)) found.add(policy);
    }
  }
  return [...found];
}

const hints = 3;

function whatToChange(code: DenialCode, d: Deliberation, all: readonly PolicyExplanation[]): readonly string[] {
  if (code === 'policy_denied') {
    const denying = all.filter(({ effect, matches, shadow }) => effect === 'deny' && matches && !shadow);
    return denying.map(({ policy }) => `policy "${policy}" denies it: narrow it or take it away`);
  }
  if (code === 'limit_exceeded' && d.refusal !== undefined) {
    const { limit, retryAfterMs } = d.refusal;
    const seconds = Math.ceil(retryAfterMs / 1_000);
    const wait =
      retryAfterMs > 0 ? `in ${seconds} s some of what limit "${limit.id}" counts leaves its window; or ` : '';
    return [`${wait}raise limit "${limit.id}"`];
  }
  if (code !== 'policy_no_match') return [denialTable[code].fix];
  const allowing = all.filter(({ effect }) => effect === 'allow');
  const near = allowing.slice(0, hints).map(({ policy, checks, shadow }) => {
    const missing = checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
    if (shadow) missing.push('it is in shadow mode');
    return `policy "${policy}" would allow it but for ${missing.join('; ')}`;
  });
  const place = `${d.method} ${pathOf(d.target)} of upstream "${d.upstream?.id ?? ''}"`;
  const none = `no policy that allows names consumer "${d.consumerId}", its groups or labels: add one for ${place}`;
  return near.length === 0 ? [none] : near;
}
