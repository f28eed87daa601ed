import type { Problem } from '../core/error.ts';
import type { LimitSpec, UpstreamSpec } from '../core/resources.ts';

/** What a budget has to know of an upstream. */
export interface MeteredUpstream {
  readonly id: string;
  /** The gateway counts the tokens of its requests. */
  readonly tokens: boolean;
  readonly prices: boolean;
}

/** What an upstream has to know of a limit. */
export interface Budget extends Pick<LimitSpec, 'measure' | 'upstreams'> {
  readonly id: string;
}

/** What else there is while a document is judged. */
export interface Beside {
  /** Upstreams that the document does not declare, or may declare anew. */
  readonly upstreams: readonly MeteredUpstream[];
  /** Those that go unless it declares them. */
  readonly going: readonly MeteredUpstream[];
  /** They stay, unless it declares them anew. */
  readonly budgets: readonly Budget[];
}

export const nothingBeside: Beside = { upstreams: [], going: [], budgets: [] };

export type BudgetProblem = Pick<Problem, 'severity' | 'message' | 'fix'>;

export function meteredOf(id: string, spec: UpstreamSpec): MeteredUpstream {
  return { id, tokens: spec.gateway?.ai_proxy !== undefined, prices: (spec.prices ?? []).length > 0 };
}

const shownNames = 5;

/**
 * The gateway counts tokens of language models where its `ai-proxy` sends the request, and nowhere else: a budget over
 * other upstreams would look like a limit and hold nothing. `known` are all upstreams that anybody knows of; what is named
 * and not among them is not judged.
 */
export function judgeBudget(
  { measure, upstreams }: Omit<Budget, 'id'>,
  known: ReadonlyMap<string, MeteredUpstream>,
): readonly BudgetProblem[] {
  if (!isBudget(measure)) return [];
  const isAll = upstreams.includes('*');
  const covered = isAll ? [...known.values()] : upstreams.flatMap((id) => known.get(id) ?? []);
  const isWhole = isAll ? covered.length > 0 : covered.length === upstreams.length;
  const tokenless = covered.filter(({ tokens }) => !tokens);
  const priceless = covered.filter(({ tokens, prices }) => tokens && !prices);
  const what = measure === 'cost' ? 'tokens, which are what costs,' : 'tokens';
  const howTokens = 'declare gateway: { ai_proxy: { provider: … } } on such an upstream, or limit requests';
  const howPrices = 'list prices: on the upstream';
  if (!isWhole && tokenless.length + priceless.length === covered.length) {
    return [warning(`counts nothing but where the gateway counts ${what}: on ai-proxy routes`, howTokens)];
  }
  if (tokenless.length === covered.length) {
    const message = `counts nothing: the gateway counts ${what} on ai-proxy routes only, and has none for`;
    return [{ severity: 'error', message: `${message} ${namesOf(tokenless)}`, fix: howTokens }];
  }
  if (measure === 'cost' && tokenless.length + priceless.length === covered.length) {
    return [
      { severity: 'error', message: `counts nothing: there are no prices of ${namesOf(priceless)}`, fix: howPrices },
    ];
  }
  return [
    ...(tokenless.length === 0
      ? []
      : [warning(`counts nothing at ${namesOf(tokenless)}: no ai-proxy route`, howTokens)]),
    ...(measure !== 'cost' || priceless.length === 0
      ? []
      : [warning(`counts nothing at ${namesOf(priceless)}: no prices`, howPrices)]),
  ];
}

/**
 * What a change of upstreams does to the budgets that stay as they are: an error for each that counts something now and would
 * count nothing afterwards, a warning for each that does not count one that is new or changed. `upstream`: which of them
 * it is about.
 */
export function judgeUpstreams(
  before: ReadonlyMap<string, MeteredUpstream>,
  after: ReadonlyMap<string, MeteredUpstream>,
  budgets: readonly Budget[],
): readonly (BudgetProblem & { readonly upstream: string })[] {
  const changed = [...after.values()].filter((next) => !isSame(before.get(next.id), next));
  const altered = [...before.values()].filter((now) => !isSame(now, after.get(now.id)));
  return budgets.flatMap((budget) => {
    const { id: limit, measure, upstreams } = budget;
    if (!isBudget(measure)) return [];
    const lost = altered.filter((upstream) => counts(budget, upstream) && !counts(budget, after.get(upstream.id)));
    const [first] = lost;
    if (first !== undefined && !countsAny(budget, after)) {
      const what = measure === 'cost' ? 'ai_proxy and prices' : 'ai_proxy';
      const message = `the limit ${limit} would count nothing any more: it relies on ${what} of ${namesOf(lost)}`;
      const fix = `change or delete the limit ${limit} first`;
      return [{ severity: 'error' as const, message, fix, upstream: first.id }];
    }
    const uncounted = changed.find((upstream) => covers(upstreams, upstream.id) && !counts(budget, upstream));
    if (uncounted === undefined) return [];
    return judgeBudget(budget, after).map(({ message, fix = '' }) => {
      return { ...warning(`the limit ${limit} ${message}`, fix), upstream: uncounted.id };
    });
  });
}

export function isBudget(measure: LimitSpec['measure']): boolean {
  return measure === 'llm_tokens' || measure === 'cost';
}

function countsAny(budget: Budget, known: ReadonlyMap<string, MeteredUpstream>): boolean {
  if (budget.upstreams.includes('*')) return [...known.values()].some((upstream) => counts(budget, upstream));
  return budget.upstreams.some((id) => counts(budget, known.get(id)));
}

function counts({ measure, upstreams }: Budget, upstream: MeteredUpstream | undefined): boolean {
  if (upstream === undefined || !covers(upstreams, upstream.id)) return false;
  return upstream.tokens && (measure === 'llm_tokens' || upstream.prices);
}

function covers(upstreams: readonly string[], id: string): boolean {
  return upstreams.includes('*') || upstreams.includes(id);
}

function isSame(one: MeteredUpstream | undefined, other: MeteredUpstream | undefined): boolean {
  return one?.tokens === other?.tokens && one?.prices === other?.prices;
}

function warning(message: string, fix: string): BudgetProblem {
  return { severity: 'warning', message, fix };
}

function namesOf(upstreams: readonly MeteredUpstream[]): string {
  const names = upstreams.slice(0, shownNames).map(({ id }) => id);
  const more = upstreams.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
