import type { Command } from 'commander';
import type { ResourceRecord } from '../core/resources.ts';
import type { NarrowRule } from '../policies/narrowest.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { usageFailure } from './failure.ts';
import { listAll } from './list-all.ts';
import { pastDecisions, type PastDecision } from './past-decisions.ts';
import { readRecords } from './policy-world.ts';
import { repeatable } from './repeatable.ts';

interface SuggestOptions {
  readonly audit?: readonly string[];
  readonly file?: readonly string[];
  readonly days: string;
  readonly consumer?: string;
  readonly upstream?: string;
}

interface KnownPolicy {
  readonly id: string;
  readonly effect: string;
}

interface KnownUpstream {
  readonly id: string;
  readonly prefix: string;
  /** Path of its base URL. */
  readonly basePath: string;
}

const dayMs = 86_400_000;

export function addPolicySuggestCommand(policy: Command, cli: Cli): void {
  const command = policy
    .command('suggest')
    .description('policies that nobody used, and with --consumer and --upstream the narrowest that would have done')
    .option(
      '--audit <file>',
      'past decisions of this audit file; may be given several times (default: the last ones of the sidecar)',
      repeatable,
    )
    .option('-f, --file <file...>', 'resource files (default: what the sidecar has)')
    .option('--days <number>', 'look back so many days', '30')
    .option('--consumer <id>', 'of this consumer')
    .option('--upstream <id>', 'of this upstream')
    .action(async (options: SuggestOptions, self: Command) => {
      const days = Number(options.days);
      if (!Number.isInteger(days) || days < 1) throw usageFailure('--days must be a whole number from 1 on');
      const { past, policies, upstreams } = await gather(options, self, cli);
      const newestMs = past.reduce((newest, { time }) => Math.max(newest, Date.parse(time)), 0);
      const recent = past.filter(({ time }) => Date.parse(time) > newestMs - days * dayMs);
      const seen = new Set(recent.map(({ policy: id }) => id));
      const unused = policies.filter(({ id }) => !seen.has(id));
      const narrowest = await narrow(recent, options, upstreams);
      const from = recent.reduce((oldest, { time }) => (time < oldest ? time : oldest), recent[0]?.time ?? '');
      const to = recent.reduce((newest, { time }) => (time > newest ? time : newest), '');
      const answer = { decisions: recent.length, from, to, unused, ...(narrowest === undefined ? {} : { narrowest }) };
      cli.print(self, answer, () => format(recent.length, from, to, unused, narrowest));
    });
  withExamples(
    command,
    'credentialflow policy suggest --audit data/audit/decisions.log --audit data/audit/decisions.log.1 --days 90',
    'credentialflow policy suggest --consumer team-search --upstream openai',
  );
}

async function gather(
  { audit, file }: SuggestOptions,
  self: Command,
  cli: Cli,
): Promise<{
  readonly past: readonly PastDecision[];
  readonly policies: readonly KnownPolicy[];
  readonly upstreams: readonly KnownUpstream[];
}> {
  const { cwd } = cli.terminal;
  const ofFiles = file === undefined ? undefined : known(await readRecords(file, cwd));
  if (audit !== undefined && ofFiles !== undefined) return { past: await pastDecisions(audit, cwd, undefined), ...ofFiles }; // prettier-ignore
  return cli.withAdmin(self, async (api) => {
    const past = await pastDecisions(audit, cwd, api);
    if (ofFiles !== undefined) return { past, ...ofFiles };
    const policies = (await listAll(api, 'policies')) as readonly { id: string; spec: { effect: string; mode?: string } }[]; // prettier-ignore
    const upstreams = (await listAll(api, 'upstreams')) as readonly {
      id: string;
      spec: { prefix?: string; base_url: string };
    }[];
    return {
      past,
      policies: policies.filter(({ spec }) => spec.mode !== 'shadow').map(({ id, spec }) => ({ id, effect: spec.effect })), // prettier-ignore
      upstreams: upstreams.map(({ id, spec }) => upstreamOf(id, spec.prefix ?? `/${id}`, spec.base_url)),
    };
  });
}

function known(records: readonly ResourceRecord[]): {
  readonly policies: readonly KnownPolicy[];
  readonly upstreams: readonly KnownUpstream[];
} {
  return {
    policies: records.flatMap((record) => (record.kind === 'policy' && record.spec.mode === undefined ? [{ id: record.id, effect: record.spec.effect }] : [])), // prettier-ignore
    upstreams: records.flatMap((record) => (record.kind === 'upstream' ? [upstreamOf(record.id, record.spec.prefix, record.spec.base_url)] : [])), // prettier-ignore
  };
}

/** As the `policies` of a resource file; undefined: not asked for. */
async function narrow(
  recent: readonly PastDecision[],
  { consumer, upstream }: SuggestOptions,
  upstreams: readonly KnownUpstream[],
): Promise<string | undefined> {
  if (consumer === undefined && upstream === undefined) return undefined;
  if (consumer === undefined || upstream === undefined) throw usageFailure('--consumer and --upstream go together');
  const { narrowestRules } = await import('../policies/narrowest.ts');
  const { toDocument } = await import('../resources/to-document.ts');
  const known = upstreams.find(({ id }) => id === upstream);
  const uses = recent
    .filter((one) => one.outcome === 'allow' && one.consumer === consumer && one.upstream === upstream)
    .map((one) => ({ method: one.method, path: known === undefined ? one.path : ownPath(one, known) }));
  const rules = narrowestRules(uses);
  return toDocument(rules.map((rule, at) => policyOf(rule, consumer, upstream, at + 1)));
}

function upstreamOf(id: string, prefix: string, baseUrl: string): KnownUpstream {
  return { id, prefix, basePath: new URL(baseUrl).pathname.replace(/\/$/, '') };
}

/** Less the prefix, or less the path of the base URL where the route rewrites (an audit file does not say). */
function ownPath({ path, rewritten }: PastDecision, { prefix, basePath }: KnownUpstream): string {
  const isRewritten = rewritten ?? !(path === prefix || path.startsWith(`${prefix}/`));
  const before = isRewritten ? basePath : prefix.replace(/\/$/, '');
  return path.startsWith(before) ? path.slice(before.length) || '/' : path;
}

function policyOf({ methods, paths }: NarrowRule, consumer: string, upstream: string, at: number): ResourceRecord {
  const id = `${consumer}-uses-${upstream}-${at}`.slice(0, 63);
  const spec = { effect: 'allow' as const, consumers: [consumer], groups: [], labels: {}, upstreams: [upstream], methods, paths }; // prettier-ignore
  return { kind: 'policy', id, owner: 'api', spec, disabled: false, revision: 0, createdAtMs: 0, updatedAtMs: 0 };
}

function format(
  decisions: number,
  from: string,
  to: string,
  unused: readonly KnownPolicy[],
  narrowest: string | undefined,
): string {
  const lines = [`Of ${decisions} decisions from ${from || '-'} to ${to || '-'}:`];
  if (unused.length === 0) lines.push('Every policy decided something.');
  else lines.push('Decided nothing:', ...unused.map(({ id, effect }) => `  ${effect.padEnd(5)}  ${id}`));
  lines.push('Where several policies match, one decides; a deny that decided nothing may still deter. Look before you delete.'); // prettier-ignore
  if (narrowest !== undefined) lines.push('', narrowest === '' ? '# nothing was allowed' : narrowest.trimEnd());
  return lines.join('\n');
}
