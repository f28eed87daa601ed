import type { PathNode, Rule, RuleIndex, SegmentGlob, SubjectRules } from '../core/rule-index.ts';
import type { PolicySpec } from '../core/resources.ts';

/** Compiles policies one by one, so that the caller can give way to other work between them. */
export interface PolicyCompiler {
  /** Throws a RangeError that says what is wrong with the policy; the index is unchanged then. */
  add(id: string, spec: PolicySpec): void;
  /** Indexes by upstream id; `common` holds the policies of every upstream (`*`). */
  finish(): { readonly byUpstream: ReadonlyMap<string, RuleIndex>; readonly common: RuleIndex };
}

const everyUpstream = '*';

export function createPolicyCompiler(): PolicyCompiler {
  const byUpstream = new Map<string, MutableIndex>();
  return {
    add(id, spec) {
      const patterns = (spec.paths.length === 0 ? ['/**'] : spec.paths).map(splitPattern);
      const subjects = subjectsOf(spec);
      const methods = spec.methods.length === 0 ? undefined : new Set(spec.methods);
      const expiresAtMs = spec.expires_at === undefined ? Infinity : readTime(spec.expires_at);
      for (const upstream of spec.upstreams) {
        const index = entry(byUpstream, upstream, () => new Map<string, MutableSubject>());
        for (const { key, labels } of subjects) {
          const subject = entry(index, key, () => ({ allow: undefined, deny: undefined }));
          const root = (subject[spec.effect] ??= newNode());
          for (const pattern of patterns)
            insert(root, pattern).rules.push({ policyId: id, methods, expiresAtMs, labels });
        }
      }
    },
    finish() {
      const common = byUpstream.get(everyUpstream) ?? new Map<string, SubjectRules>();
      byUpstream.delete(everyUpstream);
      return { byUpstream, common };
    },
  };
}

/** The key under which a consumer finds the policies that name it; the same words that `subjectsOfConsumer` uses. */
export const subjectKey = {
  everyone: '*',
  consumer: (id: string) => `consumer:${id}`,
  group: (name: string) => `group:${name}`,
  label: (name: string, value: string) => `label:${name}=${value}`,
} as const;

/** Every key under which policies may name this consumer. */
export function subjectsOfConsumer(
  id: string,
  groups: readonly string[],
  labels: Readonly<Record<string, string>>,
): readonly string[] {
  return [
    subjectKey.consumer(id),
    ...groups.map(subjectKey.group),
    ...Object.entries(labels).map(([name, value]) => subjectKey.label(name, value)),
    subjectKey.everyone,
  ];
}

interface Subject {
  readonly key: string;
  readonly labels: Rule['labels'];
}

/** Consumers, groups and the label set each name subjects: whoever is named in one of the three is meant. */
export function subjectsOf(spec: PolicySpec): readonly Subject[] {
  const subjects: Subject[] = [];
  for (const id of spec.consumers) {
    subjects.push({ key: id === '*' ? subjectKey.everyone : subjectKey.consumer(id), labels: [] });
  }
  for (const group of spec.groups) subjects.push({ key: subjectKey.group(group), labels: [] });
  const [first, ...others] = Object.entries(spec.labels);
  if (first !== undefined) subjects.push({ key: subjectKey.label(first[0], first[1]), labels: others });
  return subjects;
}

interface MutableNode extends PathNode {
  readonly literal: Map<string, MutableNode>;
  readonly globs: (SegmentGlob & { readonly node: MutableNode })[];
  any: MutableNode | undefined;
  rest: MutableNode | undefined;
  readonly rules: Rule[];
}

interface MutableSubject {
  allow: MutableNode | undefined;
  deny: MutableNode | undefined;
}

type MutableIndex = Map<string, MutableSubject>;

function newNode(): MutableNode {
  return { literal: new Map(), globs: [], any: undefined, rest: undefined, rules: [] };
}

function insert(root: MutableNode, segments: readonly string[]): MutableNode {
  let node = root;
  for (const segment of segments) {
    if (segment === '**') node = node.rest ??= newNode();
    else if (segment === '*') node = node.any ??= newNode();
    else if (segment.includes('*')) node = globChild(node, segment.split('*'));
    else node = entry(node.literal, segment, newNode);
  }
  return node;
}

function globChild(node: MutableNode, pieces: readonly string[]): MutableNode {
  const known = node.globs.find((glob) => glob.pieces.join('*') === pieces.join('*'));
  if (known !== undefined) return known.node;
  const child = newNode();
  node.globs.push({ pieces, node: child });
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

function readTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new RangeError('expires_at is not an RFC 3339 time');
  return time;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
