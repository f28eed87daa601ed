/** Compiled policies: per upstream, per subject, a trie over path segments. Plain data; policies/compile.ts builds it. */
import type { Table } from './table.ts';

/** What else must be so for a rule to match: its `when`, its schedule. Never throws: an error is a denial. */
export type Condition = (question: RuleQuestion) => boolean;

export interface Rule {
  readonly policyId: string;
  readonly effect: 'allow' | 'deny';
  /** Undefined: every method. */
  readonly methods: ReadonlySet<string> | undefined;
  /** Milliseconds since the epoch; Infinity: never. */
  readonly expiresAtMs: number;
  /** Labels beside the indexed one that the consumer must carry. */
  readonly labels: readonly (readonly [string, string])[];
  /** Undefined: nothing else. */
  readonly condition: Condition | undefined;
}

/** One segment glob such as `*:generateContent`: the literal pieces between the stars. */
export interface SegmentGlob {
  readonly pieces: readonly string[];
  readonly node: PathNode;
}

export interface PathNode {
  /** Most nodes have one literal child or none, and a map takes three times what a node takes: the first stands here, */
  readonly segment: string | undefined;
  readonly child: PathNode | undefined;
  /** and here the others. */
  readonly others: ReadonlyMap<string, PathNode> | undefined;
  readonly globs: readonly SegmentGlob[];
  /** `*`: exactly one whole segment. */
  readonly any: PathNode | undefined;
  /** `**`: any number of segments, none included. Never holds another `rest` itself (`**` once a pattern). */
  readonly rest: PathNode | undefined;
  readonly rules: readonly Rule[];
}

export interface SubjectRules {
  readonly allow: PathNode | undefined;
  readonly deny: PathNode | undefined;
}

/** The subject key of a group. */
export const groupKey = (name: string): string => `group:${name}`;

/** Subject key (a consumer's id, `group:b`, `label:k=v`, `*`) → rules. An id has no colon, so the keys never meet. */
export type RuleIndex = Pick<Table<SubjectRules>, 'get'>;

/** What a condition may know of the token. */
export interface AskedToken {
  readonly tokenId: string;
  readonly expiresAtMs: number;
  readonly policies?: readonly string[] | undefined;
  /** Of a token of another issuer. */
  readonly issued?: { readonly scopes: readonly string[] } | undefined;
}

export interface RuleQuestion {
  readonly consumerId: string;
  /** The other keys under which policies may name the consumer. */
  readonly subjects: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly groups: readonly string[];
  readonly owner: string;
  readonly token: AskedToken | undefined;
  /** Ids of the policies that alone may allow; undefined: all. */
  readonly policies: readonly string[] | undefined;
  readonly method: string;
  /** Path and query as the upstream receives them. */
  readonly target: string;
  /** Decoded segments, exactly as the upstream gets them. */
  readonly segments: readonly string[];
  /** The segments as a lenient server may read them (no `;parameters`, no trailing slash): denials match these too. */
  readonly lenientSegments: readonly string[];
  readonly nowMs: number;
  /** As the gateway sent it. */
  readonly sent: {
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly conflicting: readonly string[];
  };
}

export interface Verdict {
  readonly effect: 'allow' | 'deny';
  readonly rule: Rule;
}

/** Deny rules of every index first, then allow rules; undefined: no rule matches, which is a denial. */
export function judge(indexes: readonly RuleIndex[], question: RuleQuestion): Verdict | undefined {
  let allowed: Rule | undefined;
  const { consumerId, subjects } = question;
  for (const index of indexes) {
    for (let at = 0; at <= subjects.length; at++) {
      const rules = index.get(at === 0 ? consumerId : (subjects[at - 1] ?? consumerId));
      if (rules === undefined) continue;
      if (rules.deny !== undefined) {
        const denied = findDenial(rules.deny, question);
        if (denied !== undefined) return { effect: 'deny', rule: denied };
      }
      if (allowed === undefined && rules.allow !== undefined) {
        allowed = findRule(rules.allow, question.segments, 0, question);
      }
    }
  }
  return allowed === undefined ? undefined : { effect: 'allow', rule: allowed };
}

/** A denial also matches the path as a lenient server reads it, so that `/admin;x` or `/admin/` walks around nothing. */
function findDenial(root: PathNode, question: RuleQuestion): Rule | undefined {
  const exact = findRule(root, question.segments, 0, question);
  if (exact !== undefined || question.lenientSegments === question.segments) return exact;
  const { lenientSegments } = question;
  return findRule(root, lenientSegments, 0, { ...question, segments: lenientSegments });
}

function findRule(node: PathNode, segments: readonly string[], at: number, question: RuleQuestion): Rule | undefined {
  return findWithoutRest(node, segments, at, question) ?? findAfterRest(node.rest, segments, at, question);
}

/** `**`: its own rules match whatever is left; patterns that go on after it are tried at each position. */
function findAfterRest(
  rest: PathNode | undefined,
  segments: readonly string[],
  at: number,
  question: RuleQuestion,
): Rule | undefined {
  if (rest === undefined) return undefined;
  const whole = firstMatching(rest.rules, question);
  if (whole !== undefined || isLeaf(rest)) return whole;
  for (let from = at; from < segments.length; from++) {
    const found = findWithoutRest(rest, segments, from, question);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findWithoutRest(
  node: PathNode,
  segments: readonly string[],
  at: number,
  question: RuleQuestion,
): Rule | undefined {
  const segment = segments[at];
  if (segment === undefined) return firstMatching(node.rules, question);
  const literal = node.segment === segment ? node.child : node.others?.get(segment);
  if (literal !== undefined) {
    const found = findRule(literal, segments, at + 1, question);
    if (found !== undefined) return found;
  }
  for (const glob of node.globs) {
    if (!matchesGlob(segment, glob.pieces)) continue;
    const found = findRule(glob.node, segments, at + 1, question);
    if (found !== undefined) return found;
  }
  return node.any === undefined || segment === '' ? undefined : findRule(node.any, segments, at + 1, question);
}

function isLeaf(node: PathNode): boolean {
  return node.child === undefined && node.globs.length === 0 && node.any === undefined;
}

function firstMatching(rules: readonly Rule[], question: RuleQuestion): Rule | undefined {
  for (const rule of rules) {
    if (rule.methods !== undefined && !rule.methods.has(question.method)) continue;
    if (rule.expiresAtMs <= question.nowMs) continue;
    if (question.policies !== undefined && isBeyond(question.policies, rule)) continue;
    if (!rule.labels.every(([name, value]) => question.labels[name] === value)) continue;
    if (rule.condition === undefined || rule.condition(question)) return rule;
  }
  return undefined;
}

/** A token that is narrowed has fewer rights; what denies, denies it all the same. */
function isBeyond(policies: readonly string[], { effect, policyId }: Rule): boolean {
  return effect === 'allow' && !policies.includes(policyId);
}

/** `pieces` are the literals between the stars: `a*b` → ['a', 'b']. A star stands for any characters, none included. */
export function matchesGlob(segment: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? '';
  const last = pieces[pieces.length - 1] ?? '';
  if (segment.length < first.length + last.length || !segment.startsWith(first) || !segment.endsWith(last))
    return false;
  let at = first.length;
  const end = segment.length - last.length;
  for (let i = 1; i < pieces.length - 1; i++) {
    const piece = pieces[i] ?? '';
    const found = segment.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return at <= end;
}
