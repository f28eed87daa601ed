import type { Injector, StoreIdentity } from '../core/ports.ts';
import { readPath } from '../core/path.ts';
import type { Preset } from '../core/preset.ts';
import type { InjectionSpec, PolicySpec, ResourceKind, ResourceRecord, ResourceRecordOf } from '../core/resources.ts';
import type { RuleIndex } from '../core/rule-index.ts';
import { Secret } from '../core/secret.ts';
import type {
  ConsumerEntry,
  CredentialVersion,
  GatewayEntry,
  PolicyEntry,
  Snapshot,
  SnapshotProblem,
  UpstreamEntry,
} from '../core/snapshot.ts';
import { createAddressMatcher } from './address-matcher.ts';
import { layOutHeaders } from './lay-out-headers.ts';
import type { Pace } from './pace.ts';
import type { SecretCache } from './secret-cache.ts';

export interface SnapshotDeps {
  readonly presets: ReadonlyMap<string, Preset>;
  readonly createInjector: (spec: InjectionSpec) => Injector;
  readonly compiler: () => PolicyCompiling;
  readonly subjectsOfConsumer: (
    id: string,
    groups: readonly string[],
    labels: Readonly<Record<string, string>>,
  ) => readonly string[];
  readonly subjectKeysOf: (spec: PolicySpec) => readonly string[];
  readonly secrets: SecretCache;
  readonly sha256: (text: string) => string;
  readonly pace: () => Pace;
}

/** What the policies family offers; named here because families do not know each other. */
export interface PolicyCompiling {
  add(id: string, spec: PolicySpec): void;
  finish(): { readonly byUpstream: ReadonlyMap<string, RuleIndex>; readonly common: RuleIndex };
}

type Resources = { readonly [K in ResourceKind]: ResourceRecordOf<K>[] };

/**
 * Builds a snapshot from all resources of one moment, in slices. A resource that cannot be compiled is left out and
 * reported: what depends on it is denied, the rest works.
 */
export async function buildSnapshot(
  source: StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceRecord[]> },
  deps: SnapshotDeps,
): Promise<Snapshot> {
  const pace = deps.pace();
  const problems: SnapshotProblem[] = [];
  const resources = await sortByKind(source.chunks, pace);
  const attempt = async <K extends ResourceKind>(
    records: readonly ResourceRecordOf<K>[],
    compile: (record: ResourceRecordOf<K>) => void | Promise<void>,
  ): Promise<void> => {
    for (const record of records) {
      try {
        await compile(record);
      } catch (error) {
        const message = error instanceof Error ? error.message : 'cannot be compiled';
        problems.push({ kind: record.kind, id: record.id, message });
      }
      await pace.step();
    }
  };

  const gatewaysByKey = new Map<string, GatewayEntry>();
  await attempt(resources.gateway, (record) => {
    const gateway = compileGateway(record);
    for (const key of gateway.keys) gatewaysByKey.set(key.sha256, gateway);
  });

  const consumers = new Map<string, ConsumerEntry>();
  await attempt(resources.consumer, (record) => {
    const { groups, labels } = record.spec;
    const subjects = deps.subjectsOfConsumer(record.id, groups, labels);
    consumers.set(record.id, { id: record.id, disabled: record.disabled, groups, labels, subjects });
  });

  const compiler = deps.compiler();
  const policiesBySubject = new Map<string, PolicyEntry[]>();
  await attempt(resources.policy, (record) => {
    if (record.disabled) return;
    compiler.add(record.id, record.spec);
    const policy = { id: record.id, spec: record.spec };
    for (const key of deps.subjectKeysOf(record.spec)) push(policiesBySubject, key, policy);
  });
  const rules = compiler.finish();

  const credentials = new Map<string, ResourceRecordOf<'credential'>[]>();
  for (const record of resources.credential) if (!record.disabled) push(credentials, record.spec.upstream, record);
  deps.secrets.keepOnly(new Set(resources.credential.filter((record) => !record.disabled).map((record) => record.id)));

  const upstreams = new Map<string, UpstreamEntry>();
  const routes = new Map<string, UpstreamEntry[]>();
  await attempt(resources.upstream, async (record) => {
    const compiled = compileUpstream(record, deps.presets);
    const versions: CredentialVersion[] = [];
    await attempt(credentials.get(record.id) ?? [], async (credential) => {
      versions.push(await compileCredential(source.storeId, record, compiled.preset, credential, deps, problems));
    });
    if (versions.length === 0 && compiled.preset.secretOptional)
      versions.push(withoutCredential(record, compiled.preset));
    const upstream = { ...compiled, credentials: versions, rules: rulesFor(record.id, rules) };
    upstreams.set(record.id, upstream);
    for (const route of record.spec.routes) push(routes, route, upstream);
  });

  return {
    storeId: source.storeId,
    epoch: source.epoch,
    revision: source.revision,
    gatewaysByKey,
    upstreams,
    upstreamsByRoute: uniqueRoutes(routes, problems),
    consumers,
    policiesBySubject,
    problems,
  };
}

async function sortByKind(chunks: AsyncIterable<readonly ResourceRecord[]>, pace: Pace): Promise<Resources> {
  const resources: Resources = { gateway: [], upstream: [], credential: [], consumer: [], policy: [] };
  for await (const chunk of chunks) {
    for (const record of chunk) (resources[record.kind] as ResourceRecord[]).push(record);
    await pace.step();
  }
  return resources;
}

function compileGateway({ id, spec, disabled }: ResourceRecordOf<'gateway'>): GatewayEntry {
  return {
    id,
    disabled,
    keys: spec.keys.map((key) => ({
      sha256: key.sha256,
      expiresAtMs: key.expires_at === undefined ? Infinity : Date.parse(key.expires_at),
    })),
    upstreams: spec.upstreams.includes('*') ? undefined : new Set(spec.upstreams),
    allowsAddress: spec.addresses.length === 0 ? undefined : createAddressMatcher(spec.addresses),
  };
}

function compileUpstream(
  { id, spec, disabled }: ResourceRecordOf<'upstream'>,
  presets: ReadonlyMap<string, Preset>,
): Omit<UpstreamEntry, 'credentials' | 'rules'> {
  const preset = presets.get(spec.preset);
  if (preset === undefined) throw new RangeError(`the preset "${spec.preset}" is not known`);
  return {
    id,
    disabled,
    preset,
    tokenSlots: spec.token_slots ?? preset.tokenSlots,
    queryKeys: new Set(preset.queryKeys),
    prefix: segmentsOf(spec.prefix, 'prefix'),
    basePath: segmentsOf(new URL(spec.base_url).pathname, 'base_url'),
    encodedSlashes: spec.encoded_slashes === 'allow',
    passthrough: spec.passthrough,
    identityHeader: spec.identity_header,
    maxStaleMs: spec.max_stale_ms,
  };
}

async function compileCredential(
  storeId: string,
  upstream: ResourceRecordOf<'upstream'>,
  preset: Preset,
  credential: ResourceRecordOf<'credential'>,
  deps: SnapshotDeps,
  problems: SnapshotProblem[],
): Promise<CredentialVersion> {
  const { id, spec } = credential;
  // Opaque for the upstream, which sees it; the same on every sidecar of the store; new with every new reference.
  const versionId = `cv_${deps.sha256(`${storeId}|${id}|${JSON.stringify(spec.secret ?? null)}`).slice(0, 16)}`;
  const unusable = (message: string): CredentialVersion => {
    problems.push({ kind: 'credential', id, message });
    return { versionId, credentialId: id, headers: undefined };
  };
  const layOut = (injected: readonly string[]): CredentialVersion => {
    const { passthrough, steering_headers: own } = upstream.spec;
    const steering = [...preset.steeringHeaders, ...own];
    const headers = layOutHeaders({ steering, passthrough, pinned: spec.headers, injected, versionId });
    return { versionId, credentialId: id, headers: new Secret(headers) };
  };
  if (spec.secret === undefined) {
    return preset.secretOptional
      ? layOut([])
      : unusable('it has no secret; `credentialflow credential set` stores one');
  }
  const resolved = await deps.secrets.resolve(id, spec.secret);
  if ('problem' in resolved) return unusable(resolved.problem);
  try {
    return layOut(deps.createInjector(upstream.spec.injection ?? preset.injection).inject(resolved.secret.reveal()));
  } catch (error) {
    return unusable(error instanceof Error ? error.message : 'the secret cannot be injected');
  }
}

/** A server that needs no secret still gets every slot cleared. */
function withoutCredential({ spec }: ResourceRecordOf<'upstream'>, preset: Preset): CredentialVersion {
  const steering = [...preset.steeringHeaders, ...spec.steering_headers];
  const versionId = 'cv_none';
  const headers = layOutHeaders({ steering, passthrough: spec.passthrough, pinned: {}, injected: [], versionId });
  return { versionId, credentialId: '', headers: new Secret(headers) };
}

function rulesFor(
  upstreamId: string,
  rules: { readonly byUpstream: ReadonlyMap<string, RuleIndex>; readonly common: RuleIndex },
): readonly RuleIndex[] {
  const own = rules.byUpstream.get(upstreamId);
  return [...(own === undefined ? [] : [own]), ...(rules.common.size === 0 ? [] : [rules.common])];
}

/** A route that two upstreams claim belongs to none of them: a wrong guess would hand out the wrong secret. */
function uniqueRoutes(
  routes: ReadonlyMap<string, readonly UpstreamEntry[]>,
  problems: SnapshotProblem[],
): ReadonlyMap<string, UpstreamEntry> {
  const unique = new Map<string, UpstreamEntry>();
  for (const [route, claimants] of routes) {
    const [first] = claimants;
    if (claimants.length === 1 && first !== undefined) {
      unique.set(route, first);
      continue;
    }
    for (const { id } of claimants) {
      problems.push({ kind: 'upstream', id, message: `the route "${route}" is claimed by several upstreams` });
    }
  }
  return unique;
}

function segmentsOf(path: string, field: string): readonly string[] {
  const judged = readPath(path === '/' ? '/' : path.replace(/\/$/, ''), false);
  if (judged === undefined) throw new RangeError(`the path of ${field} is not in its normal form`);
  return judged.segments;
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
