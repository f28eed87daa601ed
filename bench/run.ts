/** `npm run bench [-- --quick] [-- --json] [-- --only <group>]`; see bench/README.md. */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchApply } from './apply.ts';
import { benchDecide } from './decide.ts';
import { benchHttp } from './http.ts';
import { benchIngestion } from './ingestion.ts';
import { exitCode, formatTable, type Row } from './row.ts';
import { benchScrape } from './scrape.ts';
import { benchSnapshot } from './snapshot.ts';
import { benchStartup } from './startup.ts';
import { benchTiers } from './tiers.ts';

const groups = {
  decide: benchDecide,
  http: benchHttp,
  apply: benchApply,
  snapshot: benchSnapshot,
  startup: benchStartup,
  tiers: benchTiers,
  ingestion: benchIngestion,
  scrape: benchScrape,
};

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
  },
});
const wanted = values.only ?? Object.keys(groups);
const unknown = wanted.filter((name) => !(name in groups));
if (unknown.length > 0) {
  console.error(`No group is called ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}.`);
  process.exit(1);
}

const say = values.json ? console.error : console.log;
say(
  `Node ${process.version}, ${String(availableParallelism())} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${new Date().toISOString()}`,
);
const rows: Row[] = [];
// A store's thread does not keep a process alive by itself.
const alive = setInterval(() => undefined, 60_000);
for (const [name, bench] of Object.entries(groups)) {
  if (!wanted.includes(name)) continue;
  say(`${name} …`);
  rows.push(...(await bench({ quick: values.quick })));
}
clearInterval(alive);
console.log(values.json ? JSON.stringify(rows, undefined, 2) : `\n${formatTable(rows)}`);
process.exitCode = exitCode(rows);
