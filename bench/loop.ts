/**
 * `npm run loop [-- --quick] [-- --json]`: the closed loop under load. A provider refuses one of a pool's two keys; the
 * gateway's log tells the sidecar, which takes the key out, and puts it back when it works again. Exit code 1 when it
 * took too long, or when requests failed later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startGateway } from '../test/support/gateway.ts';
import { startSidecar } from '../test/support/sidecar.ts';
import { startClients, type Answer } from './loop/clients.ts';
import { faults, keys, startLoopProvider, type Fault, type LoopProvider } from './loop/provider.ts';
import { exitCode, formatTable, type Row } from './row.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const say = values.json ? console.error : console.log;

const perSecond = 200;
const consumers = 20;
const warmMs = values.quick ? 1_500 : 3_000;
/** How long the key fails. Shorter than the first cool-down, at whose end a request tries again. */
const failingMs = values.quick ? 4_000 : 7_000;
/** How long it may take to come back: until the next probe or trial. */
const backWithinMs = values.quick ? 15_000 : 20_000;
const calmMs = 1_500;
const limitsMs: Readonly<Record<number, number>> = { 1: 1_000, 4: 2_000 };
/** The long form takes the defaults. */
const env: Readonly<Record<string, string>> = values.quick
  ? { CREDENTIALFLOW_HEALTH_PROBE_INTERVAL: '1s', CREDENTIALFLOW_HEALTH_MAX_PROBE_INTERVAL: '2s' }
  : {};

const rows: Row[] = [];
for (const [index, fault] of faults.entries()) {
  for (const workers of values.quick ? [index % 2 === 0 ? 4 : 1] : [4, 1]) {
    say(`${fault.name}, ${String(workers)} worker(s) …`);
    rows.push(...(await run(fault, workers)));
  }
}
console.log(values.json ? JSON.stringify(rows, undefined, 2) : `\n${formatTable(rows)}`);
process.exit(exitCode(rows));

async function run(fault: Fault, workers: number): Promise<readonly Row[]> {
  const provider = await startLoopProvider();
  const sidecar = await startSidecar({
    resources: resourcesOf(fault.api, provider.url),
    env: { KEY_ONE: keys[0], KEY_TWO: keys[1], ...env },
  });
  // A worker has batches of its own, and nothing else of a gateway matters here.
  const gateways = await Promise.all(
    Array.from({ length: workers }, () => startGateway(sidecar, { nodes: { [fault.api]: provider.url } })),
  );
  const tokens = await Promise.all(
    Array.from({ length: consumers }, (_, i) => sidecar.issueToken(`team-${String(i)}`)),
  );
  const path = fault.api === 'openai' ? '/openai/v1/chat/completions' : '/gemini/v1beta/models/x:generateContent';
  const header = (token: string): Readonly<Record<string, string>> =>
    fault.api === 'openai' ? { authorization: `Bearer ${token}` } : { 'x-goog-api-key': token };
  // Cold tokens and connections are another bench's business.
  for (const { token } of tokens) {
    for (const { url } of gateways) await fetch(url + path, { method: 'POST', headers: header(token), body: '{}' });
  }
  const clients = startClients(
    { perSecond, workers: gateways.map(({ url }) => url), path },
    tokens.map(({ token }) => header(token)),
  );
  try {
    await sleep(warmMs);
    const before = provider.servedByFirst();
    const failedAt = performance.now();
    provider.fail(fault);
    await sleep(failingMs);
    const recoveredAt = performance.now();
    provider.fail(undefined);
    provider.servedByFirst();
    const backMs = await waitUntilBack(provider, recoveredAt);
    await sleep(calmMs);
    await clients.stop();
    return rowsOf(`${fault.name}, ${String(workers)} workers`, clients.answers, {
      limitMs: limitsMs[workers] ?? 0,
      failedAt,
      backMs,
      before,
    });
  } finally {
    await clients.stop();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await sidecar.stop();
    await provider.stop();
  }
}

async function waitUntilBack(provider: LoopProvider, since: number): Promise<number> {
  while (performance.now() - since < backWithinMs) {
    if (provider.servedByFirst() > 0) return performance.now() - since;
    await sleep(20);
  }
  return Infinity;
}

function rowsOf(
  name: string,
  answers: readonly Answer[],
  seen: { readonly limitMs: number; readonly failedAt: number; readonly backMs: number; readonly before: number },
): readonly Row[] {
  const { limitMs, failedAt, backMs, before } = seen;
  const failures = answers.filter(({ status }) => status !== 200);
  const early = failures.filter(({ answeredAt }) => answeredAt < failedAt);
  const late = failures.filter(({ sentAt }) => sentAt > failedAt + limitMs);
  const during = failures.filter((failure) => !early.includes(failure) && !late.includes(failure));
  const last = Math.max(failedAt, ...during.map(({ sentAt }) => sentAt)) - failedAt;
  return [
    { name: `${name}: requests`, value: answers.length, unit: '' },
    // Otherwise nothing would be shown by its leaving.
    { name: `${name}: served by the key before`, value: before, unit: '', bound: '> 0', ok: before > 0 },
    {
      name: `${name}: failures before${statusesOf(early)}`,
      value: early.length,
      unit: '',
      bound: '= 0',
      ok: early.length === 0,
    },
    { name: `${name}: failures`, value: during.length, unit: '', bound: '> 0', ok: during.length > 0 },
    {
      name: `${name}: last failure`,
      value: last / 1_000,
      unit: 's',
      bound: `≤ ${String(limitMs / 1_000)}`,
      ok: last <= limitMs,
    },
    {
      name: `${name}: failures later${statusesOf(late)}`,
      value: late.length,
      unit: '',
      bound: '= 0',
      ok: late.length === 0,
    },
    {
      name: `${name}: back after`,
      value: backMs / 1_000,
      unit: 's',
      bound: `≤ ${String(backWithinMs / 1_000)}`,
      ok: backMs <= backWithinMs,
    },
  ];
}

/** What they were answered, where there were any. */
function statusesOf(failures: readonly Answer[]): string {
  const statuses = [...new Set(failures.map(({ status }) => status))];
  return statuses.length === 0 ? '' : ` (${statuses.join(', ')})`;
}

function resourcesOf(api: string, url: string): string {
  const teams = Array.from({ length: consumers }, (_, i) => `  - { id: team-${String(i)}, groups: [teams] }`);
  return `
upstreams: [{ id: ${api}, preset: ${api}, base_url: "${url}" }]
credentials:
  - { id: one, upstream: ${api}, secret: { from: env, name: KEY_ONE } }
  - { id: two, upstream: ${api}, secret: { from: env, name: KEY_TWO } }
consumers:
${teams.join('\n')}
policies: [{ id: teams-may, effect: allow, groups: [teams], upstreams: [${api}] }]
`;
}
