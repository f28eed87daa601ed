/**
 * `npm run faults [-- --quick] [-- --json]`: takes the parts of a fleet away under load, each one and each two at once,
 * and counts what must never happen. Exit code 1 when something did.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { exitCode, formatTable, type Row } from './row.ts';
import { failOvers, type FailOver } from './fleet/fail-overs.ts';
import { diskOf, faults, mountDisk, unmountDisk, type Fault } from './fleet/faults.ts';
import { startScene, type Scene } from './fleet/scene.ts';
import { boundMs, p99, startWatch, type Seen, type Watch } from './fleet/watch.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const say = values.json ? console.error : console.log;

/** How long a part is away; then how long the fleet gets to be whole again. */
const awayMs = values.quick ? 1_500 : 2_500;
const settleMs = values.quick ? 1_500 : 2_500;

const pairs = faults
  .flatMap((a, i) => faults.slice(i + 1).map((b) => [a, b] as const))
  .filter(([a, b]) => a.part !== b.part);
const quickPairs = pairs.filter(([a, b]) => a.name === 'redis paused' && b.name === 'postgres paused');
const plan: readonly (readonly Fault[])[] = values.quick
  ? [...faults.filter(({ name }) => /stopped|full/.test(name)).map((fault) => [fault]), ...quickPairs]
  : [...faults.map((fault) => [fault]), ...pairs];

const scene = await startScene({ sidecars: 0 });
const canFill = mountDisk(scene);
if (!canFill) say('skipped: faults of the disk (no file system may be mounted here)');
const outcomes: Outcome[] = [];
const rows: Row[] = [];
try {
  for (let i = 0; i < (values.quick ? 2 : 3); i++) {
    await scene.start(canFill ? { CREDENTIALFLOW_DATA_DIR: `${diskOf(scene)}/${String(i)}` } : {});
  }
  const watch = await startWatch(scene, { perSecond: 200, tokens: 100 });
  await sleep(1_500);
  outcomes.push({ name: 'no fault', during: watch.take(), later503: 0 });
  for (const together of plan) {
    if (!canFill && together.some(({ part }) => part === 'disk')) continue;
    const name = together.map((fault) => fault.name).join(' + ');
    say(`${name} …`);
    outcomes.push(await runFaults(name, together, scene, watch));
  }
  await watch.stop();
  rows.push(...(await lostWrites(scene, watch)));
} finally {
  if (canFill) unmountDisk(scene);
  await scene.stop();
}
for (const failOver of failOvers) {
  say(`${failOver.name} …`);
  outcomes.push(await loseMaster(failOver));
}
const all = [...outcomes.flatMap(rowsOf), ...rows];
console.log(values.json ? JSON.stringify(all, undefined, 2) : `\n${formatOutcomes(outcomes)}\n\n${formatTable(rows)}`);
process.exit(exitCode(all));

interface Outcome {
  readonly name: string;
  readonly during: Seen;
  /** 503 after all parts were back for a while. */
  readonly later503: number;
}

async function runFaults(name: string, together: readonly Fault[], fleet: Scene, watch: Watch): Promise<Outcome> {
  // A revocation needs its second with the store within reach (promise 3).
  watch.holdRevocations(true);
  await sleep(1_100);
  watch.take();
  for (const fault of together) await fault.begin(fleet);
  watch.holdRevocations(together.some(({ part }) => part === 'postgres'));
  await sleep(awayMs);
  for (const fault of together) await fault.end(fleet);
  const during = watch.take();
  await sleep(settleMs);
  watch.take();
  watch.holdRevocations(false);
  await sleep(500);
  return { name, during, later503: watch.take().unavailable };
}

/** For good: the fleet goes on with the server that takes over, or with the store alone. */
async function loseMaster({ name, start }: FailOver): Promise<Outcome> {
  const servers = await start();
  try {
    const fleet = await startScene({ sidecars: 2, cache: () => Promise.resolve(servers.url) });
    try {
      const watch = await startWatch(fleet, { perSecond: 200, tokens: 100 });
      await sleep(1_500);
      watch.take();
      await servers.loseMaster();
      await sleep(2 * awayMs);
      const during = watch.take();
      await sleep(1_000);
      const later503 = watch.take().unavailable;
      await watch.stop();
      return { name, during, later503 };
    } finally {
      await fleet.stop();
    }
  } finally {
    await servers.stop();
  }
}

function rowsOf({ name, during, later503 }: Outcome): readonly Row[] {
  const never = (what: string, value: number): Row => ({
    name: `${name}: ${what}`,
    value,
    unit: '',
    bound: '= 0',
    ok: value === 0,
  });
  return [
    { name: `${name}: asked`, value: during.asked, unit: '' },
    { name: `${name}: 503`, value: during.unavailable, unit: '' },
    { name: `${name}: p99`, value: p99(during), unit: 'ms' },
    never('wrong allows', during.wrongAllows),
    never('good tokens told 401 or 403', during.dishonest),
    never(`over ${String(boundMs)} ms`, during.slow),
    never('without an answer', during.unanswered),
    never('503 once all is back', later503),
  ];
}

/** A line a fault; every figure after p99 must be 0. */
function formatOutcomes(list: readonly Outcome[]): string {
  const header = [
    '',
    'asked',
    '503',
    'p99 ms',
    'wrong allow',
    'false 401/403',
    `> ${String(boundMs)} ms`,
    'no answer',
    '503 later',
    '',
  ];
  const lines = list.map((outcome) => {
    const { during, later503 } = outcome;
    const figures = [
      during.asked,
      during.unavailable,
      Math.round(p99(during)),
      during.wrongAllows,
      during.dishonest,
      during.slow,
      during.unanswered,
      later503,
    ];
    return [outcome.name, ...figures.map(String), exitCode(rowsOf(outcome)) === 0 ? 'ok' : 'BROKEN'];
  });
  const widths = header.map((title, column) =>
    Math.max(...[header, ...lines].map((line) => line[column]?.length ?? 0), title.length),
  );
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function lostWrites(fleet: Scene, watch: Watch): Promise<readonly Row[]> {
  const client = await fleet.postgres.connect(fleet.store);
  const { rows: found } = await client.query<{ id: string; revoked: boolean }>(
    'SELECT id, revoked_at IS NOT NULL AS revoked FROM tokens',
  );
  const there = new Map(found.map(({ id, revoked }) => [id, revoked]));
  const lost =
    watch.issued.filter((id) => !there.has(id)).length + watch.revoked.filter((id) => there.get(id) !== true).length;
  return [
    { name: 'writes acknowledged', value: watch.issued.length + watch.revoked.length, unit: '' },
    { name: 'writes refused while a part was away', value: watch.refusedWrites(), unit: '' },
    { name: 'acknowledged writes lost', value: lost, unit: '', bound: '= 0', ok: lost === 0 },
  ];
}
