import { groupKey } from '../core/rule-index.ts';
import type { Condition, PathNode, Rule, RuleQuestion, SegmentGlob, SubjectRules } from '../core/rule-index.ts';
import type { PolicySpec } from '../core/resources.ts';
import { createConditions, type ConditionDeps, type Evaluate } from './conditions.ts';
import { explainPolicy, type PolicyExplanation } from './explain-policy.ts';
import { compileSchedule } from './schedule.ts';
import { createZones } from './zones.ts';

export interface Policy {
  readonly id: string;
  readonly spec: PolicySpec;
}

type NamedSubjects = Pick<PolicySpec, 'consumers' | 'groups' | 'labels'>;

/** Turns policies into rules. */
export interface PolicyCompiling {
  /** Throws a RangeError that says what is wrong with the policy. */
  check(spec: PolicySpec): void;
  /** Every key under which the policy names somebody: consumers, groups and the label set. */
  subjectsOf(spec: NamedSubjects): ReadonlySet<string>;
  /** Whether the rules of a policy are the same for this subject as for others: not by a label, which may want more. */
  isPlain(subject: string): boolean;
  /** For the policies that name one subject. */
  compiler(subject: string): SubjectCompiler;
  /** Everything that a policy asks for, and what of it is so. For people; a decision does not need it. */
  explain(policy: Policy, upstream: string, question: RuleQuestion): PolicyExplanation;
}

/** Takes policies one by one, so that the caller can give way to other work between them. */
export interface SubjectCompiler {
  /** Policies that `check` let through. The first one that matches is the one that a decision names. */
  add(policy: Policy): void;
  finish(): SubjectRules;
}

export interface PolicyDeps extends Omit<ConditionDeps, 'zones'> {
  /** A condition could not be evaluated: its allow says nothing, its deny denies. */
  readonly conditionFailed: (policyId: string) => void;
}

export function createPolicyCompiling(deps: PolicyDeps): PolicyCompiling {
  const zones = createZones();
  const conditions = createConditions({ ...deps, zones });
  /** A policy that names a thousand consumers has its condition once. */
  const conditionsOf = new WeakMap<PolicySpec, Condition | 'none'>();
  /** Policies whose lists of methods are the same array share the set. */
  const methodSets = new WeakMap<readonly string[], ReadonlySet<string>>();

  function methodsOf({ methods }: PolicySpec): ReadonlySet<string> | undefined {
    if (methods.length === 0) return undefined;
    const known = methodSets.get(methods);
    if (known !== undefined) return known;
    const made = new Set(methods);
    methodSets.set(methods, made);
    return made;
  }

  /** Undefined: there is none. */
  function conditionOf({ id, spec }: Policy): Condition | undefined {
    const known = conditionsOf.get(spec);
    if (known !== undefined) return known === 'none' ? undefined : known;
    const tests = testsOf(spec);
    if (tests.length === 0) {
      conditionsOf.set(spec, 'none');
      return undefined;
    }
    const made: Condition = (question) => {
      try {
        return tests.every((test) => test(question));
      } catch {
        deps.conditionFailed(id);
        return spec.effect === 'deny';
      }
    };
    conditionsOf.set(spec, made);
    return made;
  }

  /** What costs least comes first. Throws a RangeError for what cannot be compiled. */
  function testsOf({ not_before: notBefore, schedule, when }: PolicySpec): readonly Evaluate[] {
    const tests: Evaluate[] = [];
    if (notBefore !== undefined) {
      const from = readTime('not_before', notBefore);
      tests.push(({ nowMs }) => nowMs >= from);
    }
    if (schedule !== undefined) {
      const includes = compileSchedule(schedule, zones);
      tests.push(({ nowMs }) => includes(nowMs));
    }
    if (when !== undefined) tests.push(conditions.compile(when));
    return tests;
  }

  return {
    check(spec) {
      for (const path of spec.paths) splitPattern(path);
      if (spec.expires_at !== undefined) readTime('expires_at', spec.expires_at);
      testsOf(spec);
    },
    subjectsOf,
    isPlain,
    compiler,
    explain: (policy, upstream, question) =>
      explainPolicy(policy, upstream, question, {
        compiler,
        includes: ({ schedule }, ms) => schedule === undefined || compileSchedule(schedule, zones)(ms),
        evaluate: (when, asked) => conditions.compile(when)(asked),
      }),
  };

  function compiler(subject: string): SubjectCompiler {
    const rules: { allow: MutableNode | undefined; deny: MutableNode | undefined } = {
      allow: undefined,
      deny: undefined,
    };
    return {
      add(policy) {
        const { id, spec } = policy;
        const rule: Rule = {
          policyId: id,
          effect: spec.effect,
          methods: methodsOf(spec),
          expiresAtMs: spec.expires_at === undefined ? Infinity : readTime('expires_at', spec.expires_at),
          labels: isPlain(subject) ? none : Object.entries(spec.labels).slice(1),
          condition: conditionOf(policy),
        };
        const root = (rules[spec.effect] ??= newNode());
        const paths = spec.paths.length === 0 ? everyPath : spec.paths;
        for (const path of paths) addRule(insert(root, splitPattern(path)), rule);
      },
      finish: () => rules,
    };
  }
}

function isPlain(subject: string): boolean {
  return !subject.startsWith(labelPrefix);
}

const labelPrefix = 'label:';
const everyPath = ['/**'];
/** Most lists are empty; they share this one. */
const none: readonly never[] = [];

/** The key under which a consumer finds the policies that name it; the same words that `subjectsOfConsumer` uses. */
const subjectKey = {
  everyone: '*',
  /** The id itself, so that no consumer needs a text of its own for it. Ids have no colon and are no star. */
  consumer: (id: string) => id,
  group: groupKey,
  label: (name: string, value: string) => `${labelPrefix}${name}=${value}`,
} as const;

/** Every key besides its id under which policies may name a consumer. */
export function subjectsOfConsumer(
  groups: readonly string[],
  labels: Readonly<Record<string, string>>,
): readonly string[] {
  return [
    ...groups.map(subjectKey.group),
    ...Object.entries(labels).map(([name, value]) => subjectKey.label(name, value)),
    subjectKey.everyone,
  ];
}

/** Consumers, groups and the label set each name subjects: whoever is named in one of the three is meant. */
function subjectsOf(spec: NamedSubjects): ReadonlySet<string> {
  const subjects = new Set<string>();
  // A star among the consumers is everyone's own key.
  for (const id of spec.consumers) subjects.add(subjectKey.consumer(id));
  for (const group of spec.groups) subjects.add(subjectKey.group(group));
  // By the first label only; the rule looks at the others.
  const [first] = Object.entries(spec.labels);
  if (first !== undefined) subjects.add(subjectKey.label(first[0], first[1]));
  return subjects;
}

interface MutableNode extends PathNode {
  segment: string | undefined;
  child: MutableNode | undefined;
  others: Map<string, MutableNode> | undefined;
  globs: readonly (SegmentGlob & { readonly node: MutableNode })[];
  any: MutableNode | undefined;
  rest: MutableNode | undefined;
  rules: readonly Rule[];
}

function newNode(): MutableNode {
  return {
    segment: undefined,
    child: undefined,
    others: undefined,
    globs: none,
    any: undefined,
    rest: undefined,
    rules: none,
  };
}

function addRule(node: MutableNode, rule: Rule): void {
  if (node.rules.length === 0) node.rules = [rule];
  else (node.rules as Rule[]).push(rule);
}

function insert(root: MutableNode, segments: readonly string[]): MutableNode {
  let node = root;
  for (const segment of segments) {
    if (segment === '**') node = node.rest ??= newNode();
    else if (segment === '*') node = node.any ??= newNode();
    else if (segment.includes('*')) node = globChild(node, segment.split('*'));
    else node = literalChild(node, segment);
  }
  return node;
}

function literalChild(node: MutableNode, segment: string): MutableNode {
  if (node.child === undefined) {
    node.segment = segment;
    return (node.child = newNode());
  }
  if (node.segment === segment) return node.child;
  node.others ??= new Map();
  const known = node.others.get(segment);
  if (known !== undefined) return known;
  const child = newNode();
  node.others.set(segment, child);
  return child;
}

function globChild(node: MutableNode, pieces: readonly string[]): MutableNode {
  const known = node.globs.find((glob) => glob.pieces.join('*') === pieces.join('*'));
  if (known !== undefined) return known.node;
  const child = newNode();
  node.globs = [...node.globs, { pieces, node: child }];
  return child;
}

/** `/` has no segment; a trailing slash is an empty last one, as in core/path.ts. */
function splitPattern(pattern: string): readonly string[] {
  if (!pattern.startsWith('/')) throw new RangeError(`the path "${pattern}" does not start with "/"`);
  const segments = pattern === '/' ? [] : pattern.slice(1).split('/');
  // Two `**` in one pattern would make matching a search instead of a walk.
  if (segments.filter((segment) => segment === '**').length > 1) {
    throw new RangeError(`the path "${pattern}" has "**" more than once`);
  }
  return segments;
}

function readTime(field: string, text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new RangeError(`${field} is not an RFC 3339 time`);
  return time;
}
