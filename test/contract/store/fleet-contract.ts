import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, Store } from '../../../sidecar/core/ports.ts';
import { until } from '../../support/until.ts';
import { admin, applyOptions, many, put, putToken } from './samples.ts';

/** Several stores, as several processes open them, on the same place. */
export type OpenSeveral = (t: TestContext, count: number) => Promise<readonly [Store, Store, ...Store[]]>;

/** Reads the log as a sidecar does, until it has seen `revision`. */
async function follow(store: Store, revision: number): Promise<Change[]> {
  const seen: Change[] = [];
  let applied = 0;
  await until(async () => {
    const page = await store.changesSince(applied, 7);
    seen.push(...page.changes);
    applied = page.completeTo;
    return applied >= revision;
  }, `revision ${revision}`);
  return seen;
}

/** What a store does that several processes use at once. A kind that is for one process alone has no business here. */
export function fleetContract(openSeveral: OpenSeveral): void {
  test('three stores on one database write at once: no revision is lost, doubled or out of order', async (t) => {
    const stores = await openSeveral(t, 3);
    const [reader] = stores;
    const reading = follow(reader, 60);
    const written = await Promise.all(
      stores.flatMap((store, who) =>
        Array.from({ length: 20 }, async (_, index) => {
          const id = `s${who}-${index}`;
          return { id, revision: (await store.write([put(id)], admin)).revision };
        }),
      ),
    );
    const seen = await reading;
    assert.deepEqual(
      seen.map(({ revision }) => revision),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    const byRevision = [...written].sort((a, b) => a.revision - b.revision);
    assert.deepEqual(
      seen.map(({ id }) => id),
      byRevision.map(({ id }) => id),
    );
  });

  test('two stores that put the same resource at the same revision: one is refused', async (t) => {
    const [a, b] = await openSeveral(t, 2);
    await a.write([put('team')], admin);
    const outcomes = await Promise.allSettled(
      [a, b].map((store, index) => store.write([{ ...put('team', 'api', `g${index}`), ifRevision: 1 }], admin)),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 1);
    assert.equal((refused[0]?.reason as { code: string }).code, 'revision_conflict');
    assert.equal((await a.identity()).revision, 2);
  });

  test('a slow source of one store keeps nobody else from writing', async (t) => {
    const [slow, quick] = await openSeveral(t, 2);
    const gate = new AbortController();
    async function* source() {
      yield many(10);
      await once(gate.signal, 'abort');
      yield [];
    }
    const applying = slow.apply(source(), applyOptions());
    assert.equal((await quick.write([put('meanwhile')], admin)).revision, 1);
    gate.abort();
    assert.equal((await applying).revision, 2);
  });

  test('uses of tokens that several stores record at once never stop a write', async (t) => {
    const stores = await openSeveral(t, 3);
    const [store] = stores;
    const names = Array.from({ length: 200 }, (_, index) => `t${index}`);
    await store.write(
      names.map((name) => putToken(name)),
      admin,
    );
    const uses = (at: number) =>
      new Map(names.map((name) => [`tok_${name}`, at] as const).sort(() => Math.random() - 0.5));
    const recording = Array.from({ length: 30 }, (_, round) =>
      (stores[round % 3] ?? store).recordTokenUse(uses(round + 1)).catch((error: unknown) => error),
    );
    const expiries = [...names].reverse().map((name) => ({
      op: 'expire_token' as const,
      id: `tok_${name}`,
      expiresAtMs: 5_000,
    }));
    for (const expiry of expiries) await store.write([expiry], admin);
    await store.write(
      expiries.map((expiry) => ({ ...expiry, expiresAtMs: 6_000 })),
      admin,
    );
    await Promise.all(recording);
    assert.equal((await store.identity()).revision, 202);
    await store.recordTokenUse(uses(100));
    assert.equal((await store.getToken('tok_t7'))?.lastUsedAtMs, 100);
  });

  test('tells of the commits of others, not of its own', async (t) => {
    const [a, b] = await openSeveral(t, 2);
    const heard: Record<'a' | 'b', number[]> = { a: [], b: [] };
    a.onHint?.((revision) => heard.a.push(revision));
    b.onHint?.((revision) => heard.b.push(revision));
    let revision = 0;
    // The connections of the listeners come up by themselves.
    await until(async () => {
      ({ revision } = await a.write([put(`c${revision}`)], admin));
      await sleep(20);
      return heard.b.length > 0;
    }, 'a hint');
    const mine = (await b.write([put('mine')], admin)).revision;
    await until(() => heard.a.includes(mine), 'a hint at the other commit');
    assert.ok(!heard.b.includes(mine));
    assert.ok(!heard.a.includes(revision));
  });
}
