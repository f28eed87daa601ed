import type { ResourceChange, StoreIdentity } from '../core/ports.ts';
import type { Preset } from '../core/preset.ts';
import type { ResourceKind, ResourceRecord, ResourceRecordOf } from '../core/resources.ts';
import type { RevocationIndex } from '../core/revocations.ts';
import type { ConsumerEntry, IssuerEntry, Snapshot, SnapshotProblem, UpstreamEntry } from '../core/snapshot.ts';
import type { Table } from '../core/table.ts';
import { checkShape } from './check-shape.ts';
import { compileCredentials, type CredentialsDeps } from './credentials.ts';
import { createDraft } from './draft.ts';
import { compileGateway, indexByKey, type CompiledGateway } from './gateways.ts';
import { compileLimit, limitsFor, readLimit, type CompiledLimit } from './limits.ts';
import { compileIssuer, indexByIssuer } from './issuers.ts';
import { createNesting, cyclesOf, type Memberships, type Nesting } from './nesting.ts';
import { messageOf } from './message-of.ts';
import type { Pace } from './pace.ts';
import {
  createPolicyDraft,
  isRuled,
  rulesFor,
  shadowRulesFor,
  type PolicyCompiling,
  type PolicyIndex,
} from './policy-index.ts';
import { readPolicy } from './read-policy.ts';
import { readRevocation } from './read-revocation.ts';
import { createRevocationDraft, type CompiledRevocation } from './revocations.ts';
import type { Sharing } from './sharing.ts';
import {
  compileUpstream,
  indexByRoute,
  indexByVersion,
  type BuiltUpstream,
  type CompiledUpstream,
} from './upstreams.ts';

export interface SnapshotDeps extends CredentialsDeps {
  readonly presets: ReadonlyMap<string, Preset>;
  readonly policies: PolicyCompiling;
  readonly subjectsOfConsumer: (
    groups: readonly string[],
    labels: Readonly<Record<string, string>>,
  ) => readonly string[];
  readonly sharing: Sharing;
  readonly pace: () => Pace;
}

/** Kinds of which a damaged resource still says something. */
const ownReaders: ReadonlySet<ResourceKind> = new Set(['policy', 'group', 'limit', 'revocation']);

/** A snapshot, and what the next one can be derived from. Never changes. */
export interface BuiltSnapshot {
  readonly snapshot: Snapshot;
  readonly parts: SnapshotParts;
}

export interface SnapshotParts {
  readonly gateways: Table<CompiledGateway>;
  readonly upstreams: Table<CompiledUpstream>;
  /** Enabled ones, by name. */
  readonly groups: Table<Memberships>;
  /** Enabled ones. */
  readonly credentials: Table<ResourceRecordOf<'credential'>>;
  readonly issuers: Table<IssuerEntry>;
  /** Enabled ones. */
  readonly revocations: Table<CompiledRevocation>;
  readonly revocationsByKey: RevocationIndex;
  readonly policies: PolicyIndex;
  /** Enabled ones. */
  readonly limits: Table<CompiledLimit>;
  readonly built: ReadonlyMap<string, BuiltUpstream>;
  /** Of resources that could not be read, by kind and id. */
  readonly unreadable: Table<SnapshotProblem>;
}

/** Changed resources of one moment, and the store at that moment. */
export interface ChangedResources extends StoreIdentity {
  readonly chunks: AsyncIterable<readonly ResourceChange[]>;
  /** Credentials whose secret is another one now. */
  readonly secrets: ReadonlySet<string>;
}

/**
 * Builds a snapshot from all resources of one moment, in slices. A resource that cannot be compiled is left out and
 * reported: what depends on it is denied, the rest works.
 */
export function buildSnapshot(
  source: StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceRecord[]> },
  deps: SnapshotDeps,
): Promise<BuiltSnapshot> {
  return derive(undefined, { ...source, chunks: asChanges(source.chunks), secrets: new Set() }, deps);
}

/** The same from the snapshot before and what has changed since; costs what the changes cost. */
export function updateSnapshot(
  previous: BuiltSnapshot,
  changed: ChangedResources,
  deps: SnapshotDeps,
): Promise<BuiltSnapshot> {
  return derive(previous, changed, deps);
}

async function* asChanges(
  chunks: AsyncIterable<readonly ResourceRecord[]>,
): AsyncGenerator<readonly ResourceChange[], void> {
  for await (const chunk of chunks) yield chunk.map((record) => ({ kind: record.kind, id: record.id, record }));
}

async function derive(
  previous: BuiltSnapshot | undefined,
  source: ChangedResources,
  deps: SnapshotDeps,
): Promise<BuiltSnapshot> {
  const pace = deps.pace();
  const before = previous?.parts;
  const gateways = createDraft(before?.gateways);
  const upstreams = createDraft(before?.upstreams);
  const credentials = createDraft(before?.credentials);
  const consumers = createDraft(previous?.snapshot.consumers);
  const issuers = createDraft(before?.issuers);
  const revocations = createRevocationDraft(before?.revocations, before?.revocationsByKey);
  const groups = createDraft(before?.groups);
  /** Consumers whose groups are to be looked up. */
  const unnested = new Set<string>();
  const policies = createPolicyDraft(before?.policies, deps.policies);
  const limits = createDraft(before?.limits);
  const unreadable = createDraft(before?.unreadable);
  /** Upstreams to compile anew, credentials included. */
  const stale = new Set<string>();

  const take: { readonly [K in ResourceKind]: (id: string, record: ResourceRecordOf<K> | undefined) => void } = {
    gateway: (id, record) => gateways.set(id, record && compileGateway(record)),
    upstream(id, record) {
      stale.add(id);
      upstreams.set(id, record && compileUpstream(record, deps.presets));
    },
    credential(id, record) {
      const upstream = credentials.get(id)?.spec.upstream;
      if (upstream !== undefined) stale.add(upstream);
      if (record !== undefined) stale.add(record.spec.upstream);
      credentials.set(id, record?.disabled === false ? record : undefined);
    },
    consumer(id, record) {
      unnested.add(id);
      consumers.set(id, record && compileConsumer(record, deps));
    },
    issuer: (id, record) => issuers.set(id, record && compileIssuer(record, deps)),
    revocation(id, record) {
      const { revocation, problem } = readRevocation(id, record);
      revocations.set(id, revocation);
      if (problem !== undefined) report('revocation', id, problem);
    },
    group(id, record) {
      const { problem, memberships } = readGroup(record);
      groups.set(id, memberships);
      if (problem !== undefined) report('group', id, problem);
    },
    policy(id, record) {
      const { policy, problem } = readPolicy(id, record, deps.policies.check);
      policies.set(id, policy && { id, spec: deps.sharing.policy(policy.spec) });
      if (problem !== undefined) report('policy', id, problem);
    },
    limit(id, record) {
      const { spec, problem } = readLimit(record);
      limits.set(id, spec && compileLimit(id, spec, deps.policies.subjectsOf));
      if (problem !== undefined) report('limit', id, problem);
    },
  };
  const report = (kind: ResourceKind, id: string, message: string): void => {
    unreadable.set(`${kind}/${id}`, { kind, id, message });
  };
  const takeChange = ({ kind, id, record }: ResourceChange): void => {
    if (unreadable.get(`${kind}/${id}`) !== undefined) unreadable.set(`${kind}/${id}`, undefined);
    const takeOne = take[kind] as (id: string, record: ResourceRecord | undefined) => void;
    try {
      // What is to be read of a policy, a group, a limit or a revocation, its own reader knows.
      if (record !== undefined && !ownReaders.has(kind)) checkShape(kind, record.spec);
      takeOne(id, record);
    } catch (error) {
      takeOne(id, undefined);
      report(kind, id, messageOf(error, 'cannot be compiled'));
    }
  };

  for await (const chunk of source.chunks) {
    for (const change of chunk) {
      takeChange(change);
      const rest = pace.step();
      if (rest !== undefined) await rest;
    }
  }
  for (const id of source.secrets) {
    const upstream = credentials.get(id)?.spec.upstream;
    if (upstream !== undefined) stale.add(upstream);
  }

  const index = await policies.finish(pace);
  const nested = await groups.finish(pace);
  const known = await nestConsumers(await consumers.finish(pace), nested === before?.groups ? unnested : undefined, createNesting(nested), deps, pace); // prettier-ignore
  const parts = {
    gateways: await gateways.finish(pace),
    upstreams: await upstreams.finish(pace),
    groups: nested,
    credentials: await credentials.finish(pace),
    issuers: await issuers.finish(pace),
    ...(await revocations.finish(pace)),
    policies: index,
    limits: await limits.finish(pace),
    unreadable: await unreadable.finish(pace),
  };
  if (parts.credentials !== before?.credentials) deps.secrets.keepOnly(new Set(idsOf(parts.credentials)));
  const built = await buildUpstreams(
    source.storeId,
    before?.built,
    parts,
    { stale, ruled: index.changed, limited: parts.limits !== before?.limits },
    deps,
    pace,
  );
  const { gatewaysByKey, problems: ofKeys } = indexByKey(parts.gateways.values());
  const { upstreamsByRoute, problems: ofRoutes } = indexByRoute(built.values());
  const kept = built === before?.built ? previous?.snapshot : undefined;
  const { byIssuer, problems: ofIssuers } = indexByIssuer(parts.issuers.values());
  const snapshot: Snapshot = {
    storeId: source.storeId,
    epoch: source.epoch,
    revision: source.revision,
    gatewaysByKey,
    upstreams: kept?.upstreams ?? entriesOf(built),
    upstreamsByRoute,
    credentialsByVersion: kept?.credentialsByVersion ?? indexByVersion(built.values()),
    consumers: known,
    allGroupsOf: nested === before?.groups && previous ? previous.snapshot.allGroupsOf : createNesting(nested).allOf,
    issuers: byIssuer,
    revocations: parts.revocationsByKey,
    policiesBySubject: index.bySubject,
    hasConditions: index.conditional > 0,
    problems: inOrder([
      ...parts.unreadable.values(),
      ...cyclesOf(nested),
      ...ofKeys,
      ...ofRoutes,
      ...ofIssuers,
      ...problemsOf(built),
    ]),
  };
  return { snapshot, parts: { ...parts, built } };
}

function compileConsumer(
  { spec, disabled }: ResourceRecordOf<'consumer'>,
  { sharing, subjectsOfConsumer }: SnapshotDeps,
): ConsumerEntry {
  const { owner = '', groups, labels } = spec;
  return sharing.of(JSON.stringify([disabled, owner, groups, labels]), () => ({
    disabled,
    owner,
    allGroups: groups,
    groupsKnown: true,
    groups,
    labels,
    subjects: subjectsOfConsumer(groups, labels),
  }));
}

/** Who stands in a damaged group might be meant by a deny rule that names a group above it: nobody can tell. */
function readGroup(record: ResourceRecordOf<'group'> | undefined): {
  readonly memberships?: Memberships;
  readonly problem?: string;
} {
  if (record === undefined || record.disabled) return {};
  try {
    checkShape('group', record.spec);
    return { memberships: record.spec.member_of };
  } catch (error) {
    const problem = `${messageOf(error, 'cannot be read')}; until it is repaired whoever is in it has no right`;
    return { memberships: 'damaged', problem };
  }
}

function nestOne(entry: ConsumerEntry, nesting: Nesting, { sharing, subjectsOfConsumer }: SnapshotDeps): ConsumerEntry {
  const { disabled, owner, groups, labels } = entry;
  const found = nesting.allOf(groups);
  const allGroups = found ?? groups;
  const groupsKnown = found !== undefined;
  const isSame = groupsKnown === entry.groupsKnown && allGroups.join() === entry.allGroups.join();
  if (isSame) return entry;
  return sharing.of(JSON.stringify([disabled, owner, groups, labels, allGroups, groupsKnown]), () => ({
    ...entry,
    allGroups,
    groupsKnown,
    subjects: subjectsOfConsumer(allGroups, labels),
  }));
}

/** Looks the groups of the named consumers up; of all of them where none are named, since the groups are others. */
async function nestConsumers(
  consumers: Table<ConsumerEntry>,
  named: ReadonlySet<string> | undefined,
  nesting: Nesting,
  deps: SnapshotDeps,
  pace: Pace,
): Promise<Table<ConsumerEntry>> {
  const draft = createDraft(consumers);
  for (const id of named ?? idsOf(consumers)) {
    const entry = consumers.get(id);
    const nested = entry && nestOne(entry, nesting, deps);
    if (nested !== entry) draft.set(id, nested);
    const rest = pace.step();
    if (rest !== undefined) await rest;
  }
  return draft.finish(pace);
}

/** Compiles what is stale, gives others their new rules, and keeps what has neither. */
async function buildUpstreams(
  storeId: string,
  before: ReadonlyMap<string, BuiltUpstream> | undefined,
  parts: Pick<SnapshotParts, 'upstreams' | 'credentials' | 'policies' | 'limits'>,
  changed: {
    readonly stale: ReadonlySet<string>;
    readonly ruled: ReadonlySet<string>;
    /** A limit is another one. */
    readonly limited: boolean;
  },
  deps: SnapshotDeps,
  pace: Pace,
): Promise<ReadonlyMap<string, BuiltUpstream>> {
  const { stale, ruled, limited } = changed;
  if (before !== undefined && stale.size === 0 && ruled.size === 0 && !limited) return before;
  const credentials = groupByUpstream(parts.credentials, stale);
  const built = new Map<string, BuiltUpstream>();
  for (const [id, compiled] of parts.upstreams.entries()) {
    const known = before?.get(id);
    const isCurrent = known !== undefined && !stale.has(id);
    if (isCurrent && !limited && !isRuled(id, ruled)) {
      built.set(id, known);
      continue;
    }
    const own = credentials.get(id) ?? [];
    const { spec, entry } = compiled;
    const owner = { id, spec, preset: entry.preset };
    const usable = isCurrent ? known.credentials : await compileCredentials(storeId, owner, own, deps);
    const rules = rulesFor(id, parts.policies);
    const shadowRules = shadowRulesFor(id, parts.policies);
    const limits = limitsFor(id, parts.limits);
    const whole = { ...entry, credentials: usable.versions, rules, shadowRules, limits };
    built.set(id, { compiled, credentials: usable, entry: whole });
    const rest = pace.step();
    if (rest !== undefined) await rest;
  }
  return built;
}

/** In the order of ids. */
function groupByUpstream(
  credentials: Table<ResourceRecordOf<'credential'>>,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, readonly ResourceRecordOf<'credential'>[]> {
  const groups = new Map<string, ResourceRecordOf<'credential'>[]>();
  for (const record of credentials.values()) {
    if (!wanted.has(record.spec.upstream)) continue;
    const group = groups.get(record.spec.upstream);
    if (group === undefined) groups.set(record.spec.upstream, [record]);
    else group.push(record);
  }
  for (const group of groups.values()) group.sort((a, b) => (a.id < b.id ? -1 : 1));
  return groups;
}

function* idsOf<V>(table: Table<V>): Generator<string, void> {
  for (const [id] of table.entries()) yield id;
}

function entriesOf(built: ReadonlyMap<string, BuiltUpstream>): ReadonlyMap<string, UpstreamEntry> {
  return new Map([...built].map(([id, { entry }]) => [id, entry]));
}

function* problemsOf(built: ReadonlyMap<string, BuiltUpstream>): Generator<SnapshotProblem, void> {
  for (const { credentials } of built.values()) yield* credentials.problems;
}

function inOrder(problems: readonly SnapshotProblem[]): readonly SnapshotProblem[] {
  const textOf = ({ kind, id, message }: SnapshotProblem): string => `${kind}/${id}/${message}`;
  return [...problems].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}
