import type { PolicySpec } from '../core/resources.ts';
import type { RuleIndex, SubjectRules } from '../core/rule-index.ts';
import type { PolicyEntry } from '../core/snapshot.ts';
import type { Table } from '../core/table.ts';
import { createDraft, type Draft } from './draft.ts';
import type { Pace } from './pace.ts';

/** What the policies family offers; named here because families do not know each other. */
export interface PolicyCompiling {
  /** Throws a RangeError that says what is wrong with the policy. */
  check(spec: PolicySpec): void;
  subjectsOf(spec: Pick<PolicySpec, 'consumers' | 'groups' | 'labels'>): ReadonlySet<string>;
  /** Compiles the policies that name one subject. */
  compiler(subject: string): { add(policy: PolicyEntry): void; finish(): SubjectRules };
  /** Whether the rules of a policy are the same for this subject as for every other. */
  isPlain(subject: string): boolean;
}

/** Every policy of a moment, compiled. */
export interface PolicyIndex {
  readonly policies: Table<PolicyEntry>;
  /** In the order of ids. */
  readonly bySubject: Table<readonly PolicyEntry[]>;
  /** By upstream id; `*` is every upstream; after `~` those in shadow mode. */
  readonly rules: ReadonlyMap<string, Table<SubjectRules>>;
  /** Policies with a condition. */
  readonly conditional: number;
}

/** A policy index in the making: only subjects that a change names are compiled again. */
export interface PolicyDraft {
  set(id: string, policy: PolicyEntry | undefined): void;
  finish(
    pace: Pace,
  ): Promise<PolicyIndex & { /** Whose rules are others than before. */ readonly changed: ReadonlySet<string> }>;
}

export const everyUpstream = '*';
/** No id begins with it. */
const shadowMark = '~';

export function createPolicyDraft(previous: PolicyIndex | undefined, compiling: PolicyCompiling): PolicyDraft {
  const policies = createDraft(previous?.policies);
  const bySubject = createDraft(previous?.bySubject);
  const rules = new Map<string, Draft<SubjectRules>>();
  /** Subject → policies that name it now, or did. */
  const touched = new Map<string, PolicyEntry[]>();
  /** Of policies that are alone with a subject: one of a thousand consumers is compiled once. */
  const alone = new WeakMap<PolicyEntry, SubjectRules>();

  let conditional = previous?.conditional ?? 0;

  function touch(policy: PolicyEntry): void {
    for (const subject of compiling.subjectsOf(policy.spec)) {
      const list = touched.get(subject);
      if (list === undefined) touched.set(subject, [policy]);
      else list.push(policy);
    }
  }

  function listOf(subject: string, changes: readonly PolicyEntry[]): readonly PolicyEntry[] {
    const now = changes.filter((policy) => policies.get(policy.id) === policy);
    const before = bySubject.get(subject);
    if (before !== undefined) {
      const changed = new Set(changes);
      for (const policy of before) if (!changed.has(policy)) now.push(policy);
    }
    return isInOrder(now) ? now : now.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async function compile(subject: string, list: readonly PolicyEntry[], pace: Pace): Promise<SubjectRules | undefined> {
    const [first] = list;
    if (first === undefined) return undefined;
    const shared = list.length === 1 && compiling.isPlain(subject);
    const known = shared ? alone.get(first) : undefined;
    if (known !== undefined) return known;
    const compiler = compiling.compiler(subject);
    for (const policy of list) {
      compiler.add(policy);
      const rest = pace.step();
      if (rest !== undefined) await rest;
    }
    const compiled = compiler.finish();
    if (shared) alone.set(first, compiled);
    return compiled;
  }

  function rulesOf(upstream: string): Draft<SubjectRules> {
    const known = rules.get(upstream);
    if (known !== undefined) return known;
    const draft = createDraft(previous?.rules.get(upstream));
    rules.set(upstream, draft);
    return draft;
  }

  return {
    set(id, policy) {
      const before = policies.get(id);
      if (before === policy) return;
      conditional += Number(policy?.spec.when !== undefined) - Number(before?.spec.when !== undefined);
      if (before !== undefined) touch(before);
      policies.set(id, policy);
      if (policy !== undefined) touch(policy);
    },
    async finish(pace) {
      for (const [subject, changes] of touched) {
        const list = listOf(subject, changes);
        bySubject.set(subject, list.length === 0 ? undefined : list);
        for (const [upstream, named] of byUpstream(list, changes)) {
          rulesOf(upstream).set(subject, await compile(subject, named, pace));
        }
        await pace.step();
      }
      const finished = new Map(previous?.rules);
      for (const [upstream, draft] of rules) {
        const table = await draft.finish(pace);
        if (table.size === 0) finished.delete(upstream);
        else finished.set(upstream, table);
      }
      return {
        policies: await policies.finish(pace),
        bySubject: await bySubject.finish(pace),
        rules: finished,
        conditional,
        changed: new Set(rules.keys()),
      };
    },
  };
}

/** Where a decision about this upstream looks: its own rules, and those of every upstream. */
export function rulesFor(upstream: string, { rules }: Pick<PolicyIndex, 'rules'>): readonly RuleIndex[] {
  return [rules.get(upstream), rules.get(everyUpstream)].filter((table) => table !== undefined);
}

/** The same of the policies in shadow mode. */
export function shadowRulesFor(upstream: string, index: Pick<PolicyIndex, 'rules'>): readonly RuleIndex[] {
  const { rules } = index;
  return [rules.get(shadowMark + upstream), rules.get(shadowMark + everyUpstream)].filter(
    (table) => table !== undefined,
  );
}

/** Whether an upstream's rules are others than before. */
export function isRuled(upstream: string, changed: ReadonlySet<string>): boolean {
  return [upstream, everyUpstream].some((id) => changed.has(id) || changed.has(shadowMark + id));
}

/** Under which keys of the index a policy stands. */
function placesOf({ upstreams, mode }: PolicySpec): ReadonlySet<string> {
  return new Set(mode === 'shadow' ? upstreams.map((id) => shadowMark + id) : upstreams);
}

/** Every upstream that the changes name, or named, with those of the list that name it. */
function byUpstream(
  list: readonly PolicyEntry[],
  changes: readonly PolicyEntry[],
): ReadonlyMap<string, readonly PolicyEntry[]> {
  const named = new Map<string, PolicyEntry[]>();
  for (const { spec } of changes) for (const upstream of placesOf(spec)) named.set(upstream, []);
  for (const policy of list) {
    for (const upstream of placesOf(policy.spec)) named.get(upstream)?.push(policy);
  }
  return named;
}

function isInOrder(list: readonly PolicyEntry[]): boolean {
  return list.every(({ id }, at) => at === 0 || (list[at - 1]?.id ?? '') < id);
}
