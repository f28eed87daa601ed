import type { Problem } from '../core/error.ts';
import type { LimitSpec, ResourceRecordOf, UpstreamSpec } from '../core/resources.ts';

/** What a budget has to know of an upstream. */
export interface MeteredUpstream {
  readonly id: string;
  /** The gateway counts the tokens of its requests. */
  readonly tokens: boolean;
  readonly prices: boolean;
}

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
  { measure, upstreams }: Pick<LimitSpec, 'measure' | 'upstreams'>,
  known: ReadonlyMap<string, MeteredUpstream>,
): readonly BudgetProblem[] {
  if (measure !== 'llm_tokens' && measure !== 'cost') return [];
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
 * What a change of one upstream does to the budgets that there are: an error for each that counts something now and would
 * count nothing afterwards, a warning for each that does not count this upstream.
 */
export function judgeUpstreamChange(
  { id, next }: { readonly id: string; readonly next: MeteredUpstream | undefined },
  limits: readonly Pick<ResourceRecordOf<'limit'>, 'id' | 'spec'>[],
  before: ReadonlyMap<string, MeteredUpstream>,
): readonly BudgetProblem[] {
  const after = new Map(before);
  if (next === undefined) after.delete(id);
  else after.set(id, next);
  return limits.flatMap(({ id: limit, spec }) => {
    if (!spec.upstreams.includes('*') && !spec.upstreams.includes(id)) return [];
    if (counts(spec, before) && !counts(spec, after)) {
      const what = spec.measure === 'cost' ? 'ai_proxy and prices' : 'ai_proxy';
      const message = `the limit ${limit} would count nothing any more: it relies on ${what} of this upstream`;
      return [{ severity: 'error' as const, message, fix: `change or delete the limit ${limit} first` }];
    }
    if (next === undefined) return [];
    return judgeBudget(spec, after).map((one) => warning(`the limit ${limit} ${one.message}`, one.fix ?? ''));
  });
}

/** Whether a budget counts anything anywhere. */
function counts(
  { measure, upstreams }: Pick<LimitSpec, 'measure' | 'upstreams'>,
  known: ReadonlyMap<string, MeteredUpstream>,
): boolean {
  if (measure !== 'llm_tokens' && measure !== 'cost') return false;
  const covered = upstreams.includes('*') ? [...known.values()] : upstreams.flatMap((id) => known.get(id) ?? []);
  return covered.some(({ tokens, prices }) => tokens && (measure === 'llm_tokens' || prices));
}

function warning(message: string, fix: string): BudgetProblem {
  return { severity: 'warning', message, fix };
}

function namesOf(upstreams: readonly MeteredUpstream[]): string {
  const names = upstreams.slice(0, shownNames).map(({ id }) => id);
  const more = upstreams.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
