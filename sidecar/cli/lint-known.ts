import { resolve } from 'node:path';
import { createUpstreamReads } from '../core/condition-reads.ts';
import type { CredentialSpec, PolicySpec, UpstreamSpec } from '../core/resources.ts';
import type { KnownUpstreams } from '../gateway/lint/known-upstream.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import { readInput } from './lint-inputs.ts';

/** What resource files say of the upstreams: their routes, slots, injected and pinned headers. */
export async function readKnownUpstreams(files: readonly string[], cwd: string): Promise<KnownUpstreams | undefined> {
  if (files.length === 0) return undefined;
  const { parseResourceFiles } = await import('../resources/parse.ts');
  const { conditionReads, resourceDeps } = await import('../resource-deps.ts');
  const texts = files.map((file) => ({ file, text: readInput(resolve(cwd, file), file) }));
  const { mutations, problems } = parseResourceFiles(texts, resourceDeps);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    throw new CliFailure(exitCodes.failed, 'the resource files are not valid', {
      code: 'resource_invalid',
      problems: errors,
      fix: '`credentialflow check` says more',
    });
  }
  const puts = mutations.flatMap((mutation) => (mutation.op === 'put' ? [mutation] : []));
  // The kind of a `put` says which spec it has, which its type does not.
  const credentials = puts.flatMap(({ kind, spec }) => (kind === 'credential' ? [spec as CredentialSpec] : []));
  const policies = puts.flatMap(({ kind, spec }) => (kind === 'policy' ? [spec as PolicySpec] : []));
  return {
    upstreams: new Map(
      puts.flatMap(({ kind, id, spec }) => (kind === 'upstream' ? [[id, spec as UpstreamSpec] as const] : [])),
    ),
    injectedHeaders: ({ injection, preset }) => {
      const spec = injection ?? resourceDeps.presets.get(preset)?.injection;
      return spec === undefined ? [] : resourceDeps.injectedHeaders(spec);
    },
    pinnedHeaders: (id) =>
      credentials.flatMap(({ upstream, headers }) => (upstream === id ? Object.keys(headers) : [])),
    reads: createUpstreamReads(policies, conditionReads),
  };
}
