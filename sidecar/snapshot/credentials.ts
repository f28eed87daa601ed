import type { Injector } from '../core/ports.ts';
import type { Preset } from '../core/preset.ts';
import type { InjectionSpec, ResourceRecordOf, UpstreamSpec } from '../core/resources.ts';
import { Secret } from '../core/secret.ts';
import type { CredentialVersion, SnapshotProblem } from '../core/snapshot.ts';
import { hash32 } from '../core/stable-hash.ts';
import { layOutHeaders } from './lay-out-headers.ts';
import type { SecretCache } from './secret-cache.ts';

export interface CredentialsDeps {
  readonly createInjector: (spec: InjectionSpec) => Injector;
  readonly secrets: SecretCache;
  readonly sha256: (text: string) => string;
}

export interface CompiledCredentials {
  readonly versions: readonly CredentialVersion[];
  readonly problems: readonly SnapshotProblem[];
}

export interface CredentialOwner {
  readonly id: string;
  readonly spec: UpstreamSpec;
  readonly preset: Preset;
}

/** The credential versions of one upstream; `credentials` are enabled ones, in the order of ids. */
export async function compileCredentials(
  storeId: string,
  { id: upstreamId, spec: upstream, preset }: CredentialOwner,
  credentials: readonly ResourceRecordOf<'credential'>[],
  deps: CredentialsDeps,
): Promise<CompiledCredentials> {
  const idOf = (text: string): string => `cv_${deps.sha256(text).slice(0, 16)}`;
  const versions: CredentialVersion[] = [];
  const problems: SnapshotProblem[] = [];
  for (const { id, spec } of credentials) {
    // Opaque for the upstream, which sees it; the same on every sidecar of the store; new with every new reference.
    const versionId = idOf(`${storeId}|${id}|${JSON.stringify(spec.secret ?? null)}`);
    const injected = await inject(id, spec.secret, upstream, preset, deps);
    if ('problem' in injected) problems.push({ kind: 'credential', id, message: injected.problem });
    const headers = 'problem' in injected ? undefined : layOut(upstream, preset, spec.headers, injected, versionId);
    versions.push({ versionId, credentialId: id, weight: spec.weight ?? 1, seed: hash32(id), headers });
  }
  // A server that needs no secret still gets every slot cleared.
  if (versions.length === 0 && preset.secretOptional) {
    // No credential has such an id, and no two upstreams share one: the log tells which of them was asked.
    const versionId = idOf(`${storeId}|upstream/${upstreamId}|none`);
    const headers = layOut(upstream, preset, {}, [], versionId);
    versions.push({ versionId, credentialId: '', weight: 1, seed: 0, headers });
  }
  return { versions, problems };
}

async function inject(
  id: string,
  reference: ResourceRecordOf<'credential'>['spec']['secret'],
  upstream: UpstreamSpec,
  preset: Preset,
  deps: CredentialsDeps,
): Promise<readonly string[] | { readonly problem: string }> {
  if (reference === undefined) {
    return preset.secretOptional ? [] : { problem: 'it has no secret; `credentialflow credential set` stores one' };
  }
  const resolved = await deps.secrets.resolve(id, reference);
  if ('problem' in resolved) return resolved;
  try {
    return deps.createInjector(upstream.injection ?? preset.injection).inject(resolved.secret.reveal());
  } catch (error) {
    return { problem: error instanceof Error ? error.message : 'the secret cannot be injected' };
  }
}

function layOut(
  upstream: UpstreamSpec,
  preset: Preset,
  pinned: Readonly<Record<string, string>>,
  injected: readonly string[],
  versionId: string,
): Secret<readonly string[]> {
  const { passthrough, steering_headers: own } = upstream;
  const steering = [...preset.steeringHeaders, ...own];
  return new Secret(layOutHeaders({ steering, passthrough, pinned, injected, versionId }));
}
