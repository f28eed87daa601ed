import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './open-sqlite.ts';

/** How the next writer found the database. */
export interface Found {
  readonly found: number;
  readonly integrity: string;
  readonly missing: readonly string[];
}

/** A write that the store acknowledged. */
export interface Acknowledged {
  readonly revision: number;
  readonly name: string;
}

const kills = Number(process.env['CF_TEST_KILLS'] ?? 200);
/** Databases side by side: as many as the smallest machine has cores. */
const lanes = 2;
const script = fileURLToPath(new URL('./kill-writer.process.ts', import.meta.url));

/**
 * Runs one writer and kills it at a random moment: mostly a moment after a random number of writes, however slow the
 * machine is, sometimes while it opens.
 */
async function runAndKill(path: string, round: number, expected: readonly string[]) {
  const argv = [script, path, String(round), JSON.stringify(expected)];
  const env = { ...process.env, NODE_COMPILE_CACHE: join(path, '../compile-cache') };
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'], env });
  const closed = once(child, 'close');
  const linesToWaitFor = 1 + Math.floor(Math.random() * 10);
  const enough = Promise.withResolvers<undefined>();
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > linesToWaitFor) enough.resolve(undefined);
  });
  if (round % 10 === 9) await wait(Math.random() * 150);
  else await Promise.race([enough.promise.then(() => wait(Math.random() * 5)), closed]);
  child.kill('SIGKILL');
  const [, signal] = (await closed) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL', `round ${round}: the writer ended by itself: ${output}`);
  // The kill may have cut the last line.
  const lines = output.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Found | Acknowledged);
}

test(`loses no acknowledged write to kill -9, ${kills} times`, { timeout: 280_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  let acknowledgedWrites = 0;

  async function lane(name: string, rounds: number) {
    const path = join(folder, `${name}.db`);
    const all: string[] = [];
    let expected: readonly string[] = [];
    let highest = 0;
    for (let round = 0; round < rounds; round++) {
      const seen: string[] = [];
      let opened = false;
      for (const line of await runAndKill(path, round, expected)) {
        if ('found' in line) {
          opened = true;
          assert.equal(line.integrity, 'ok');
          assert.deepEqual(line.missing, [], `round ${round}`);
          const late = line.found - highest;
          assert.ok(late === 0 || late === 1, `round ${round}: found ${line.found}, acknowledged ${highest}`);
          highest = line.found;
        } else {
          assert.equal(line.revision, highest + 1);
          highest = line.revision;
          seen.push(line.name);
        }
      }
      all.push(...seen);
      // What a writer that was killed while opening could not check is left to the next.
      expected = opened ? seen : expected;
    }
    checkAll(path, all, highest);
    acknowledgedWrites += all.length;
  }

  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(`lane${index}`, Math.ceil(kills / lanes))));
  assert.ok(acknowledgedWrites >= kills, `only ${acknowledgedWrites} writes were acknowledged: nothing was tested`);
  t.diagnostic(`${acknowledgedWrites} acknowledged writes`);
});

function checkAll(path: string, names: readonly string[], highest: number): void {
  const db = new DatabaseSync(path);
  try {
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    const ids = new Set(
      db
        .prepare('SELECT id FROM tokens')
        .all()
        .map((row) => row['id']),
    );
    assert.deepEqual(
      names.filter((name) => !ids.has(`tok_${name}`)),
      [],
    );
    const revision = Number(db.prepare('SELECT revision FROM store_meta').get()?.['revision']);
    assert.ok(revision === highest || revision === highest + 1, `${revision} after ${highest}`);
    const halves = db
      .prepare(`SELECT sum(id LIKE 'first-%') AS first, sum(id LIKE 'second-%') AS second FROM resources`)
      .get();
    assert.equal(halves?.['first'], halves?.['second'], 'half an apply is there');
  } finally {
    db.close();
  }
}
