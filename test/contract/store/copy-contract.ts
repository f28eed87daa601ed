import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store, StoreCopy } from '../../../sidecar/core/ports.ts';
import { copyTableNames, maxCopyRows, storeCopyFormat } from '../../../sidecar/core/store-copy.ts';
import type { CopyPart, CopyRow, CopyTable } from '../../../sidecar/core/store-copy.ts';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, file, hashOf, many, put, putToken, refuses } from './samples.ts';

type Rows = Record<CopyTable, CopyRow[]>;

/** A copy that can be read again and again, and be tampered with. */
interface KeptCopy extends Omit<StoreCopy, 'parts'> {
  readonly parts: readonly CopyPart[];
}

async function keep(copy: StoreCopy): Promise<KeptCopy> {
  const parts: CopyPart[] = [];
  for await (const part of copy.parts) parts.push(part);
  return { ...copy, parts };
}

function replay(copy: KeptCopy): StoreCopy {
  return { ...copy, parts: stream(copy.parts) };
}

async function* stream(parts: readonly CopyPart[]): AsyncGenerator<CopyPart, void> {
  for (const part of parts) yield Promise.resolve(part);
}

function rowsOf(copy: KeptCopy): Rows {
  const rows = Object.fromEntries(copyTableNames.map((name) => [name, [] as CopyRow[]])) as Rows;
  for (const part of copy.parts) if ('table' in part) rows[part.table].push(...part.rows);
  return rows;
}

async function fill(store: Store): Promise<void> {
  await store.apply([[...many(1_100), putToken('filed', file), putToken('zoë', file)]], applyOptions());
  await store.write([put('team'), put('Ünit'), putToken('kept'), putToken('gone'), putToken('dead')], admin);
  await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true }], admin);
  await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'c00001', disabled: true }], admin);
  await store.write([{ op: 'revoke_token', id: 'tok_dead', atMs: 77 }], admin);
  await store.write([{ op: 'revoke_token', id: 'tok_gone', atMs: 78 }], admin);
  // Only the tombstone is left of it.
  await store.write([{ op: 'delete_token', id: 'tok_gone', owner: 'api' }], admin);
  await store.recordTokenUse(new Map([['tok_kept', 99]]));
  await store.setMeta('key', 'value');
}

export function copyContract(open: OpenForTest): void {
  test('a copy has everything, and everything comes back equal', async (t) => {
    const { store } = await open(t);
    await fill(store);
    const source = await store.identity();
    const copy = await keep(await store.dump());
    assert.deepEqual(
      { storeId: copy.storeId, epoch: copy.epoch, revision: copy.revision, format: copy.format },
      { ...source, format: storeCopyFormat },
    );
    const { store: target } = await open(t);
    const identity = await target.load(replay(copy));
    assert.deepEqual(await target.identity(), identity);
    assert.equal(identity.storeId, source.storeId);
    assert.equal(identity.revision, source.revision);
    assert.ok(identity.epoch > source.epoch, `epoch ${identity.epoch}`);
    assert.deepEqual((await keep(await target.dump())).parts, copy.parts);

    for (const id of ['team', 'c00001', 'Ünit']) {
      assert.deepEqual(await target.getResource('consumer', id), await store.getResource('consumer', id), id);
    }
    for (const id of ['tok_kept', 'tok_dead', 'tok_filed']) {
      assert.deepEqual(await target.getToken(id), await store.getToken(id), id);
    }
    assert.equal((await target.getToken('tok_kept'))?.lastUsedAtMs, 99);
    assert.deepEqual(await target.listAdminAudit(1_000), await store.listAdminAudit(1_000));
    assert.equal(await target.getMeta('key'), 'value');
  });

  test('what is loaded lives on: revisions rise, tombstones hold, the log begins after the copy', async (t) => {
    const { store } = await open(t);
    await fill(store);
    const { revision } = await store.identity();
    const { store: target } = await open(t);
    await target.load(await store.dump());
    assert.partialDeepStrictEqual(await target.changesSince(revision, 10), { changes: [], completeTo: revision });
    assert.equal((await target.changesSince(0, 10)).logFloor, revision);
    const written = await target.write([put('new'), putToken('gone')], admin);
    assert.equal(written.revision, revision + 1);
    assert.equal((await target.getToken('tok_gone'))?.revokedAtMs, 78);
    assert.equal((await target.changesSince(revision, 10)).changes.length, 2);
    assert.equal((await target.listAdminAudit(1)).at(0)?.revision, revision + 1);
    const unchanged = await target.apply([[put('c00001', file)]], applyOptions({ prune: false }));
    assert.equal(unchanged.unchanged, 1);
  });

  test('a copy of a store that another one replaces has an epoch above both; two loads never share one', async (t) => {
    const { store } = await open(t);
    await store.write([put('a')], admin);
    const copy = await keep(await store.dump());
    const epochs = new Set<number>();
    for (const aboveEpoch of [undefined, undefined, 7_000_000_000]) {
      const { store: target } = await open(t);
      const { epoch } = await target.load(replay(copy), { aboveEpoch });
      assert.ok(epoch > Math.max(copy.epoch, aboveEpoch ?? 0));
      epochs.add(epoch);
    }
    assert.equal(epochs.size, 3);
  });

  test('a copy is of one moment, in bounded parts, in one order, and can be left half-read', async (t) => {
    const { store } = await open(t);
    await store.apply([many(1_200)], applyOptions());
    const { parts, ...head } = await store.dump();
    const reading = parts[Symbol.asyncIterator]();
    const first = await reading.next();
    assert.ok(first.done !== true);
    await store.write([put('zz-later'), putToken('later')], admin);
    const copy = { ...head, parts: [first.value] };
    for (let step = await reading.next(); step.done !== true; step = await reading.next()) copy.parts.push(step.value);
    const rows = rowsOf(copy);
    assert.deepEqual([copy.revision, rows.resources.length, rows.tokens.length], [1, 1_200, 0]);
    const ids = rows.resources.map((row) => String(row['id']));
    assert.deepEqual(ids, [...ids].sort());
    for (const part of copy.parts) assert.ok('end' in part || part.rows.length <= maxCopyRows);
    for await (const part of (await store.dump()).parts) {
      assert.ok(part);
      break;
    }
    assert.equal(rowsOf(await keep(await store.dump())).resources.length, 1_201);
    await store.write([put('after')], admin);
  });

  test('refuses to load over anything', async (t) => {
    const { store } = await open(t);
    await store.write([put('a')], admin);
    const copy = await keep(await store.dump());
    await refuses(store, () => store.load(replay(copy)), 'store_not_empty');
    const { store: named } = await open(t);
    await named.setMeta('key', 'value');
    await refuses(named, () => named.load(replay(copy)), 'store_not_empty');
    await named.write([put('still-works')], admin);
  });

  test('a copy that breaks off, was altered or is newer changes nothing', async (t) => {
    const { store } = await open(t);
    await fill(store);
    const copy = await keep(await store.dump());
    const at = (table: CopyTable): number => copy.parts.findIndex((part) => 'table' in part && part.table === table);
    const altered = (table: CopyTable, change: (rows: readonly CopyRow[]) => unknown): KeptCopy => ({
      ...copy,
      parts: copy.parts.map((part, index) =>
        index === at(table) && 'rows' in part ? { table, rows: change(part.rows) as readonly CopyRow[] } : part,
      ),
    });
    const firstRow = (table: CopyTable, values: Readonly<Record<string, unknown>>): KeptCopy =>
      altered(table, (rows) => rows.map((row, index) => (index === 0 ? { ...row, ...values } : row)));
    const cases: Readonly<Record<string, KeptCopy>> = {
      'without its end': { ...copy, parts: copy.parts.slice(0, -1) },
      'without its beginning': { ...copy, parts: copy.parts.slice(1) },
      'without one part': { ...copy, parts: copy.parts.filter((_part, index) => index !== at('tokens')) },
      'with one row less': altered('tokens', (rows) => rows.slice(1)),
      'with a row twice': altered('tokens', (rows) => [...rows.slice(1), rows[1]]),
      'in another order': { ...copy, parts: [...copy.parts].reverse() },
      'with more after its end': { ...copy, parts: [...copy.parts, ...copy.parts.slice(0, 1)] },
      'with no rows': altered('meta', () => 'rows'),
      'with a row that is none': altered('meta', () => [null]),
      'with a column more': firstRow('meta', { more: 1 }),
      'with another type': firstRow('tokens', { expires_at: 'soon' }),
      'with a missing text': firstRow('tokens', { consumer: null }),
      'with a fraction': firstRow('tombstones', { at: 1.5 }),
      'with a hash that is none': firstRow('tokens', { sha256: 'abc' }),
      'with a spec that is none': firstRow('resources', { spec: '[]' }),
      'with a row newer than itself': firstRow('resources', { revision: copy.revision + 1 }),
      'of no store': { ...copy, storeId: '' },
      'of no revision': { ...copy, revision: -1 },
    };
    const { store: target } = await open(t);
    const before = await target.identity();
    for (const [name, bad] of Object.entries(cases)) {
      await assert.rejects(target.load(replay(bad)), { code: 'copy_invalid' }, name);
      assert.deepEqual(await target.identity(), before, name);
    }
    await assert.rejects(target.load(replay({ ...copy, format: storeCopyFormat + 1 })), { code: 'copy_newer' });
    const breaking = { ...replay(copy), parts: breakAfter(copy.parts, 3) };
    await assert.rejects(target.load(breaking), { code: 'store_failed' });
    assert.deepEqual(rowsOf(await keep(await target.dump())), rowsOf({ ...copy, parts: [] }));
    // And it is still empty.
    await target.load(replay(copy));
    assert.ok((await target.findToken(hashOf('kept'))).token);
  });
}

async function* breakAfter(parts: readonly CopyPart[], count: number): AsyncGenerator<CopyPart, void> {
  yield* stream(parts.slice(0, count));
  throw new Error('the pipe broke');
}
