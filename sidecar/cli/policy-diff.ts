import type { Command } from 'commander';
import { basename } from 'node:path';
import type { ResourceKind, ResourceRecord } from '../core/resources.ts';
import type { AdminApi } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { listAll } from './list-all.ts';
import { askedAgain, lacksGroups, pastDecisions, wasAllowed, type PastDecision } from './past-decisions.ts';
import { createPolicyWorld, readRecords, type PolicyWorld } from './policy-world.ts';
import { repeatable } from './repeatable.ts';
import { formatTable } from './table.ts';

interface DiffOptions {
  readonly candidate: readonly string[];
  readonly audit?: readonly string[];
  readonly exitCode?: boolean;
}

interface Change {
  readonly change: 'gains' | 'loses' | 'unsure';
  readonly consumer: string;
  readonly upstream: string;
  readonly method: string;
  readonly path: string;
  /** Which policy decides by the candidate. */
  readonly policy: string;
  count: number;
}

export function addPolicyDiffCommand(policy: Command, cli: Cli): void {
  const command = policy
    .command('diff')
    .description('who would gain or lose access by other resource files, judged by what was asked for')
    .requiredOption('--candidate <file...>', 'resource files as they would be')
    .option(
      '--audit <file>',
      'past decisions of this audit file, offline; may be given several times; the candidate must be all there is',
      repeatable,
    )
    .option('--exit-code', 'exit with 1 where anybody gains or loses')
    .action(async ({ candidate, audit, exitCode }: DiffOptions, self: Command) => {
      const { cwd } = cli.terminal;
      const records = await readRecords(candidate, cwd);
      const [past, world] =
        audit === undefined
          ? await cli.withAdmin(self, async (api) => [
              await pastDecisions(undefined, cwd, api),
              await createPolicyWorld(overlay(await currentRecords(api), records, candidate)),
            ] as const) // prettier-ignore
          : [await pastDecisions(audit, cwd, undefined), await createPolicyWorld(records)];
      const changes = await compare(past, world);
      cli.print(self, { decisions: past.length, changes }, () => format(past.length, changes));
      if (exitCode === true && changes.some(({ change }) => change !== 'unsure')) cli.finish(exitCodes.failed);
    });
  withExamples(
    command,
    'credentialflow policy diff --candidate resources.yaml',
    'credentialflow policy diff --candidate resources.yaml --audit data/audit/decisions.log --audit data/audit/decisions.log.1 --exit-code',
  );
}

const collections = {
  upstreams: 'upstream',
  consumers: 'consumer',
  groups: 'group',
  policies: 'policy',
  issuers: 'issuer',
} as const;

/** What decides at the sidecar, secrets aside. */
async function currentRecords(api: AdminApi): Promise<readonly ResourceRecord[]> {
  const { parseResourceBody } = await import('../resources/parse-body.ts');
  const { resourceDeps } = await import('../resource-deps.ts');
  const records: ResourceRecord[] = [];
  for (const [collection, kind] of Object.entries(collections)) {
    for (const item of (await listAll(api, collection)) as readonly ShownResource[]) {
      const parsed = parseResourceBody<ResourceKind>(kind, { id: item.id, ...item.spec }, resourceDeps);
      if (!parsed.ok) continue;
      const { id, owner, disabled } = item;
      const record = { kind, id, owner, spec: parsed.spec, disabled, revision: 0, createdAtMs: 0, updatedAtMs: 0 };
      records.push(record as ResourceRecord);
    }
  }
  return records;
}

interface ShownResource {
  readonly id: string;
  readonly owner: string;
  readonly disabled: boolean;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** As after an apply: what the files own and no longer declare is gone, what they declare is as they say. */
function overlay(
  current: readonly ResourceRecord[],
  candidate: readonly ResourceRecord[],
  files: readonly string[],
): readonly ResourceRecord[] {
  const owners = new Set(files.map((file) => `file:${basename(file)}`));
  const merged = new Map(current.filter(({ owner }) => !owners.has(owner)).map((record) => [`${record.kind}/${record.id}`, record])); // prettier-ignore
  const disabled = new Set(current.filter((record) => record.disabled).map(({ kind, id }) => `${kind}/${id}`));
  for (const record of candidate) {
    const key = `${record.kind}/${record.id}`;
    // A tombstone outlives every file.
    merged.set(key, disabled.has(key) ? { ...record, disabled: true } : record);
  }
  return [...merged.values()];
}

async function compare(past: readonly PastDecision[], world: PolicyWorld): Promise<readonly Change[]> {
  const changes = new Map<string, Change>();
  for (const one of past) {
    const judged = await world.decide(askedAgain(one, world));
    const before = wasAllowed(one);
    if (before === judged.allowed) continue;
    const isUnsure = judged.unsure.length > 0 || lacksGroups(one);
    const change = isUnsure ? 'unsure' : judged.allowed ? 'gains' : 'loses';
    const { consumer, upstream, method, path } = one;
    const policy = judged.policy === '' ? judged.code : judged.policy;
    const key = JSON.stringify([change, consumer, upstream, method, path, policy]);
    const known = changes.get(key);
    if (known === undefined) changes.set(key, { change, consumer, upstream, method, path, policy, count: 1 });
    else known.count++;
  }
  return [...changes.values()].sort((a, b) => a.change.localeCompare(b.change) || b.count - a.count);
}

function format(decisions: number, changes: readonly Change[]): string {
  const sum = (wanted: Change['change']): number =>
    changes.filter(({ change }) => change === wanted).reduce((total, { count }) => total + count, 0);
  const last = `${decisions} decisions: ${sum('gains')} would gain, ${sum('loses')} would lose, ${sum('unsure')} cannot be told (a condition or a token's groups need what is not kept)`;
  if (changes.length === 0) return last;
  const rows = changes.map((one) => [one.change, one.consumer, one.upstream, one.method, String(one.count), one.policy, one.path]); // prettier-ignore
  return [formatTable(['CHANGE', 'CONSUMER', 'UPSTREAM', 'METHOD', 'COUNT', 'BY', 'PATH'], rows), last].join('\n');
}
