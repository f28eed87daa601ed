import { readPath } from '../core/path.ts';
import type { Preset } from '../core/preset.ts';
import type { ResourceRecordOf, UpstreamSpec } from '../core/resources.ts';
import type { SnapshotProblem, UpstreamEntry, VersionEntry } from '../core/snapshot.ts';
import type { CompiledCredentials } from './credentials.ts';

/** An upstream by itself: what no other resource has a say in. */
export interface CompiledUpstream {
  readonly spec: UpstreamSpec;
  readonly entry: Omit<UpstreamEntry, 'credentials' | 'rules' | 'shadowRules' | 'limits'>;
}

/** An upstream with all that belongs to it. */
export interface BuiltUpstream {
  readonly compiled: CompiledUpstream;
  readonly credentials: CompiledCredentials;
  readonly entry: UpstreamEntry;
}

/** Throws a RangeError for an unknown preset or a path that is not in its normal form. */
export function compileUpstream(
  { id, spec, disabled }: ResourceRecordOf<'upstream'>,
  presets: ReadonlyMap<string, Preset>,
): CompiledUpstream {
  const preset = presets.get(spec.preset);
  if (preset === undefined) throw new RangeError(`the preset "${spec.preset}" is not known`);
  const entry = {
    id,
    disabled,
    preset,
    baseUrl: spec.base_url,
    tokenSlots: spec.token_slots ?? preset.tokenSlots,
    queryKeys: new Set(preset.queryKeys),
    prefix: segmentsOf(spec.prefix, 'prefix'),
    basePath: segmentsOf(new URL(spec.base_url).pathname, 'base_url'),
    encodedSlashes: spec.encoded_slashes === 'allow',
    passthrough: spec.passthrough,
    identityHeader: spec.identity_header,
    maxStaleMs: spec.max_stale_ms,
    prices: spec.prices ?? [],
  };
  return { spec, entry };
}

/** A route that two upstreams claim belongs to none of them: a wrong guess would hand out the wrong secret. */
export function indexByRoute(upstreams: Iterable<BuiltUpstream>): {
  readonly upstreamsByRoute: ReadonlyMap<string, UpstreamEntry>;
  readonly problems: readonly SnapshotProblem[];
} {
  const claims = new Map<string, UpstreamEntry[]>();
  for (const { compiled, entry } of upstreams) {
    for (const route of new Set(compiled.spec.routes)) {
      const claimants = claims.get(route);
      if (claimants === undefined) claims.set(route, [entry]);
      else claimants.push(entry);
    }
  }
  const upstreamsByRoute = new Map<string, UpstreamEntry>();
  const problems: SnapshotProblem[] = [];
  for (const [route, claimants] of claims) {
    const [first] = claimants;
    if (claimants.length === 1 && first !== undefined) {
      upstreamsByRoute.set(route, first);
      continue;
    }
    const message = `the route "${route}" is claimed by several upstreams`;
    for (const { id } of claimants) problems.push({ kind: 'upstream', id, message });
  }
  return { upstreamsByRoute, problems };
}

export function indexByVersion(upstreams: Iterable<BuiltUpstream>): ReadonlyMap<string, VersionEntry> {
  const versions = new Map<string, VersionEntry>();
  for (const { entry: upstream } of upstreams) {
    for (const credential of upstream.credentials) versions.set(credential.versionId, { upstream, credential });
  }
  return versions;
}

function segmentsOf(path: string, field: string): readonly string[] {
  const judged = readPath(path === '/' ? '/' : path.replace(/\/$/, ''), false);
  if (judged === undefined) throw new RangeError(`the path of ${field} is not in its normal form`);
  return judged.segments;
}
