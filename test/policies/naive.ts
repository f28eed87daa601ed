/**
 * Policies read straight from docs/resources.md and docs/policies.md: every policy is looked at, patterns are regular
 * expressions, conditions are functions. Nothing here is imported from what it is compared with.
 */

export type Answer = boolean | 'error';

export interface NaiveRequest {
  readonly consumer: string;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: the token is not narrowed. */
  readonly scopes: readonly string[] | undefined;
  readonly upstream: string;
  readonly method: string;
  /** Decoded, without the prefix. */
  readonly path: string;
  readonly model: string | undefined;
  readonly address: string | undefined;
  readonly nowMs: number;
}

export interface NaivePolicy {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly consumers: readonly string[];
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly upstreams: readonly string[];
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  readonly notBeforeMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Of UTC; hours as minutes of the day. */
  readonly schedule: { readonly days: readonly string[]; readonly from: number; readonly to: number } | undefined;
  readonly condition: ((request: NaiveRequest) => Answer) | undefined;
  readonly shadow: boolean;
}

/** "Whoever is in a group is in all groups that it is a member of, and in those that these are members of." */
export function allGroups(
  groups: readonly string[],
  memberOf: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const more = groups.flatMap((group) => memberOf[group] ?? []).filter((group) => !groups.includes(group));
  return more.length === 0 ? groups : allGroups([...groups, ...more.slice(0, 1)], memberOf);
}

/** "Deny policies are asked first, then allow policies; a request that no policy allows is denied." */
export function judgeNaively(
  policies: readonly NaivePolicy[],
  request: NaiveRequest,
): { readonly effect: 'allow' | 'deny' | 'none'; readonly by: readonly string[] } {
  const live = policies.filter((policy) => !policy.shadow && names(policy, request) && isOn(policy, request.nowMs));
  // "A deny policy is also asked about the path as a lenient server would read it."
  const lenient = { ...request, path: readLeniently(request.path) };
  const denying = live.filter(
    (policy) => policy.effect === 'deny' && [request, lenient].some((asked) => speaks(policy, asked)),
  );
  if (denying.length > 0) return { effect: 'deny', by: denying.map(({ id }) => id) };
  const allowing = live.filter(
    (policy) =>
      policy.effect === 'allow' &&
      speaks(policy, request) &&
      // "Ids of the policies that alone may allow with this token."
      (request.scopes === undefined || request.scopes.includes(policy.id)),
  );
  return { effect: allowing.length > 0 ? 'allow' : 'none', by: allowing.map(({ id }) => id) };
}

function names(policy: NaivePolicy, { consumer, groups, labels, upstream, method }: NaiveRequest): boolean {
  const wanted = Object.entries(policy.labels);
  const isMeant =
    policy.consumers.some((id) => id === '*' || id === consumer) ||
    policy.groups.some((group) => groups.includes(group)) ||
    (wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value));
  const isThere = policy.upstreams.some((id) => id === '*' || id === upstream);
  return isMeant && isThere && (policy.methods.length === 0 || policy.methods.includes(method));
}

const week = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function isOn({ notBeforeMs, expiresAtMs, schedule }: NaivePolicy, nowMs: number): boolean {
  if (notBeforeMs !== undefined && nowMs < notBeforeMs) return false;
  if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return false;
  if (schedule === undefined) return true;
  // Minute by minute: was there a wanted day on which the hours began, and are they not over?
  const minute = Math.floor(nowMs / 60_000);
  const length = schedule.to > schedule.from ? schedule.to - schedule.from : schedule.to + 1_440 - schedule.from;
  for (let back = 0; back < length; back++) {
    const start = minute - back;
    if (start % 1_440 !== schedule.from) continue;
    return schedule.days.length === 0 || schedule.days.includes(week[new Date(start * 60_000).getUTCDay()] ?? '');
  }
  return false;
}

function speaks(policy: NaivePolicy, request: NaiveRequest): boolean {
  if (policy.paths.length > 0 && !policy.paths.some((pattern) => toRegExp(pattern).test(request.path))) return false;
  const answer = policy.condition?.(request) ?? true;
  // "That never allows. An allow policy says nothing then, a deny policy denies."
  return answer === 'error' ? policy.effect === 'deny' : answer;
}

function readLeniently(path: string): string {
  const plain = path.replace(/;[^/]*/g, '');
  return plain === '/' ? plain : plain.replace(/\/$/, '');
}

const known = new Map<string, RegExp>();

function toRegExp(pattern: string): RegExp {
  const before = known.get(pattern);
  if (before !== undefined) return before;
  const segments = pattern === '/' ? [] : pattern.slice(1).split('/');
  const parts = segments.map((segment) => {
    if (segment === '**') return '(?:/[^/]*)*';
    if (segment === '*') return '/[^/]+';
    return `/${segment.split('*').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^/]*')}`; // prettier-ignore
  });
  const made = new RegExp(`^${parts.length === 0 ? '/' : parts.join('')}$`);
  known.set(pattern, made);
  return made;
}
