/**
 * Opens a database, says how it found it, then writes until it is killed and says what was acknowledged.
 * argv: path, round, the names acknowledged in the round before (JSON).
 */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../../sidecar/stores/sqlite.ts';
import { admin, applyOptions, hashOf, put, putToken, file } from '../contract/store/samples.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { Acknowledged, Found } from './sqlite-kill.test.ts';

const [path = '', round = '', expected = '[]'] = process.argv.slice(2);

function say(line: Found | Acknowledged): void {
  for (;;) {
    try {
      writeSync(1, `${JSON.stringify(line)}\n`);
      return;
    } catch (error) {
      // The pipe is full because its reader is slow; a line is written whole or not at all (pipe(7), PIPE_BUF).
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const store = await openSqliteStore(path, { changeLogRows: 200 }, { clock: createFakeClock(), log: quiet });
const names = JSON.parse(expected) as string[];
const missing: string[] = [];
for (const name of names) if ((await store.findToken(hashOf(name))).token === undefined) missing.push(name);
const raw = new DatabaseSync(path, { readOnly: true });
const integrity = String(raw.prepare('PRAGMA integrity_check').get()?.['integrity_check']);
raw.close();
// The writers after the first start faster, so that two hundred fit into a minute.
if (round === '0') flushCompileCache();
say({ found: (await store.identity()).revision, integrity, missing });

for (let index = 0; ; index++) {
  const name = `${round}-${index}`;
  if (index % 5 === 4) {
    // Two chunks, one transaction: a kill between them must leave neither.
    const chunks = [[put(`first-${name}`, file)], [put(`second-${name}`, file), putToken(name, file)]];
    const { revision } = await store.apply(chunks, applyOptions({ prune: false }));
    say({ revision, name });
  } else {
    const { revision } = await store.write([putToken(name)], admin);
    say({ revision, name });
  }
}
