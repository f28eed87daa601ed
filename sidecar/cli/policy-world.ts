import { relative, resolve } from 'node:path';
import { hasErrors } from '../config/problems.ts';
import type { Declaration } from '../resources/parse.ts';
import type { Claims } from '../core/claims.ts';
import type { ResourceRecord } from '../core/resources.ts';
import { Secret } from '../core/secret.ts';
import type { UpstreamEntry } from '../core/snapshot.ts';
import type { Asked } from '../policies/explainer.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import { readFile } from './read-file.ts';

/** Policies by themselves: no sidecar, no store, no secrets. */
export interface PolicyWorld {
  readonly records: readonly ResourceRecord[];
  upstream(id: string): UpstreamEntry | undefined;
  /** Whom an issuer's resource makes of claims; their signature, audience and times are taken for good. Or the denial. */
  holderOf(issuer: string, claims: Claims, nowMs: number): Asked['who'] | JudgedOffline;
  decide(asked: Asked): Promise<JudgedOffline>;
}

export interface JudgedOffline {
  /** What the policies say: an upstream without a usable credential, or a limit, does not count. */
  readonly allowed: boolean;
  /** `allow`, or the code of the denial. */
  readonly code: string;
  readonly policy: string;
  /** Conditions that could not be evaluated, since nobody says what they read. */
  readonly unsure: readonly string[];
}

/** The resources of files, as one. Throws a CliFailure that lists what is wrong. */
export async function readRecords(files: readonly string[], cwd: string): Promise<readonly ResourceRecord[]> {
  const { parseResourceFiles } = await import('../resources/parse.ts');
  const { resourceDeps } = await import('../resource-deps.ts');
  const texts = files.map((file) => ({
    text: readFile(resolve(cwd, file), file),
    file: relative(cwd, resolve(cwd, file)),
  }));
  const { mutations, problems } = parseResourceFiles(texts, resourceDeps);
  if (hasErrors(problems)) {
    const errors = problems.filter(({ severity }) => severity === 'error');
    throw new CliFailure(exitCodes.invalid, `${files.join(', ')}: not valid`, { code: 'resource_invalid', problems: errors }); // prettier-ignore
  }
  return mutations.flatMap((mutation) => (mutation.op === 'put' ? [recordOf(mutation)] : []));
}

export function recordOf({ kind, id, owner, spec }: Extract<Declaration, { op: 'put' }>): ResourceRecord {
  const record = { kind, id, owner, spec, disabled: false, revision: 0, createdAtMs: 0, updatedAtMs: 0 };
  return record as ResourceRecord;
}

export async function createPolicyWorld(records: readonly ResourceRecord[]): Promise<PolicyWorld> {
  const [{ buildSnapshot }, { createPace }, { createSharing }, { createAddressMatcher }, policies, explainer] =
    await Promise.all([
      import('../snapshot/build.ts'),
      import('../snapshot/pace.ts'),
      import('../snapshot/sharing.ts'),
      import('../snapshot/address-matcher.ts'),
      import('../policies/compile.ts'),
      import('../policies/explainer.ts'),
    ]);
  const [{ presets }, { createInjector }, { sha256 }, { checkClaims }, { mapClaims }] = await Promise.all([
    import('../presets/index.ts'),
    import('../injectors/index.ts'),
    import('../compose/hashing.ts'),
    import('../token-validators/jwt/verify.ts'),
    import('../token-validators/jwt/map-claims.ts'),
  ]);
  const failed = new Set<string>();
  const secret = new Secret('not-asked-for');
  const { snapshot } = await buildSnapshot(
    { storeId: 'offline', epoch: 1, revision: 1, chunks: chunksOf(records) },
    {
      presets,
      createInjector,
      policies: policies.createPolicyCompiling({ createAddressMatcher, conditionFailed: (id) => failed.add(id) }),
      subjectsOfConsumer: policies.subjectsOfConsumer,
      sharing: createSharing({ maxKept: 10_000 }),
      secrets: { resolve: async () => ({ secret }), keepOnly: () => undefined, close: () => undefined },
      sha256,
      pace: () => createPace({ monotonic: () => performance.now() }, 50),
    },
  );
  return {
    records,
    upstream: (id) => snapshot.upstreams.get(id),
    holderOf(id, claims, nowMs) {
      const deny = (code: string): JudgedOffline => ({ allowed: false, code, policy: '', unsure: [] });
      const issuer = [...snapshot.issuers.values()].find((one) => one.id === id);
      if (issuer === undefined) return deny('issuer_unknown');
      const facts = checkClaims(claims, issuer, nowMs) ?? mapClaims(claims, '', issuer);
      if ('deny' in facts) return deny(facts.deny);
      const { groups = [], scopes = [], issuedAtMs = 0, revocationKeys = [] } = facts.issued ?? {};
      return { consumer: facts.consumerId, issued: { issuer: id, groups, scopes, issuedAtMs, revocationKeys } };
    },
    async decide(asked) {
      failed.clear();
      const decision = await explainer.decideAsked(asked, { snapshot, validators: [], stateAgeMs: () => 0 });
      const code = decision.outcome === 'allow' ? 'allow' : decision.code;
      const allowed = /^(?:allow$|credential_|limit_)/.test(code);
      return { allowed, code: allowed ? 'allow' : code, policy: decision.deliberation.policyId, unsure: [...failed] };
    },
  };
}

async function* chunksOf(records: readonly ResourceRecord[]): AsyncGenerator<readonly ResourceRecord[], void> {
  yield records;
}
