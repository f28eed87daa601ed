/**
 * `npm run fleet [-- revocation|scale|flood|limits …] [-- --quick] [-- --json]`: many sidecars on one PostgreSQL and one Redis.
 * Exit code 1 when a bound is broken.
 */
import { parseArgs } from 'node:util';
import { floodRows } from './fleet/flood.ts';
import { limitRows } from './fleet/limits.ts';
import { revocationRows } from './fleet/revocation.ts';
import { scaleRows } from './fleet/scale.ts';
import { exitCode, formatTable, type Row } from './row.ts';

const parts = { revocation: revocationRows, scale: scaleRows, flood: floodRows, limits: limitRows };

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`No part is called ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}.`);
  process.exit(1);
}
const say = values.json ? console.error : console.log;
const rows: Row[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  say(`${name} …`);
  rows.push(...(await measure({ quick: values.quick })));
}
console.log(values.json ? JSON.stringify(rows, undefined, 2) : `\n${formatTable(rows)}`);
process.exit(exitCode(rows));
