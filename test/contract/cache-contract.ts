/** What every cache promises. A new kind passes this suite. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Cache } from '../../sidecar/core/ports.ts';

export const failsAsCache = (error: unknown): boolean =>
  error instanceof CredentialFlowError && error.code === 'cache_failed';

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 3_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not so after ${timeoutMs} ms: ${String(condition)}`);
    await sleep(5);
  }
}

/** `open` makes a new cache over the same server, with the system's clock; the suite closes what it opens. */
export function describeCache(kind: string, open: () => Promise<Cache>): void {
  describe(`a ${kind} cache`, () => {
    const key = (): string => `contract:${randomUUID()}`;

    async function withCache(test: (cache: Cache) => Promise<void>): Promise<void> {
      const cache = await open();
      try {
        await test(cache);
      } finally {
        await cache.close();
      }
    }

    it('gives back what was set, whatever characters are in it', () =>
      withCache(async (cache) => {
        const [first, second] = [key(), key()];
        await cache.set(first, 'one', 10_000);
        await cache.set(second, 'zwei \u0000 ☃ "\r\n', 10_000);
        assert.equal(await cache.get(first), 'one');
        assert.equal(await cache.get(second), 'zwei \u0000 ☃ "\r\n');
        await cache.set(first, 'three', 10_000);
        assert.equal(await cache.get(first), 'three');
      }));

    it('knows nothing of a key that was never set, or was deleted', () =>
      withCache(async (cache) => {
        const name = key();
        assert.equal(await cache.get(name), undefined);
        await cache.delete(name);
        await cache.set(name, 'value', 10_000);
        await cache.delete(name);
        assert.equal(await cache.get(name), undefined);
      }));

    it('forgets a value when its time to live is over, and not before', () =>
      withCache(async (cache) => {
        const [brief, long] = [key(), key()];
        await cache.set(long, 'value', 10_000);
        const began = performance.now();
        await cache.set(brief, 'value', 60);
        const found = await cache.get(brief);
        // A pause of this machine proves nothing.
        if (performance.now() - began < 60) assert.equal(found, 'value');
        await sleep(90);
        assert.equal(await cache.get(brief), undefined);
        assert.equal(await cache.get(long), 'value');
      }));

    it('takes values of up to 64 KiB and refuses larger, empty and timeless ones', () =>
      withCache(async (cache) => {
        const name = key();
        const largest = 'x'.repeat(65_536);
        await cache.set(name, largest, 10_000);
        assert.equal(await cache.get(name), largest);
        await assert.rejects(cache.set(name, `${largest}x`, 10_000), failsAsCache);
        await assert.rejects(cache.set(name, '☃'.repeat(30_000), 10_000), failsAsCache);
        await assert.rejects(cache.set(name, '', 10_000), failsAsCache);
        await assert.rejects(cache.set(name, 'value', 0), failsAsCache);
        assert.equal(await cache.get(name), largest);
      }));

    it('hints to every listener, until it no longer listens', () =>
      withCache(async (cache) => {
        const [heard, alsoHeard]: [number[], number[]] = [[], []];
        const cancel = cache.onHint((revision) => heard.push(revision));
        cache.onHint((revision) => alsoHeard.push(revision));
        for (let revision = 1; heard.length === 0 || alsoHeard.length === 0; revision += 1) {
          await cache.publishHint(revision);
          await sleep(10);
          assert.ok(revision < 300, 'no hint arrived');
        }
        cancel();
        await sleep(20);
        const before = heard.length;
        await cache.publishHint(1_000);
        await until(() => alsoHeard.includes(1_000));
        assert.equal(heard.length, before);
      }));

    it('gives a lock to one at a time, until it is released', () =>
      withCache(async (cache) => {
        const other = await open();
        // The memory of a process is no other one's.
        const elsewhere = kind === 'memory' ? cache : other;
        try {
          const name = key();
          const held = await cache.locks.take(name, 10_000);
          assert.ok(held);
          assert.equal(await elsewhere.locks.take(name, 10_000), undefined);
          assert.equal(await cache.locks.take(name, 10_000), undefined, 'nor to its owner once more');
          assert.ok(await elsewhere.locks.take(key(), 10_000), 'another one is free');
          await held.release();
          const next = await elsewhere.locks.take(name, 10_000);
          assert.ok(next);
          // Late, from one that does not know that it has lost it.
          await held.release();
          assert.equal(await held.renew(), false);
          assert.equal(await cache.locks.take(name, 10_000), undefined);
          assert.equal(await next.renew(), true);
        } finally {
          await other.close();
        }
      }));

    it('takes a lock from one that is gone, and not from one that renews it', () =>
      withCache(async (cache) => {
        const [kept, lost] = [key(), key()];
        const held = await cache.locks.take(kept, 150);
        assert.ok(held);
        assert.ok(await cache.locks.take(lost, 150));
        // For longer than it lives; what a pause of this machine took away proves nothing.
        const began = performance.now();
        for (let renewed = began; performance.now() - began < 200;) {
          const asked = performance.now();
          const isOurs = await held.renew();
          const other = await cache.locks.take(kept, 150);
          const elapsed = performance.now() - renewed;
          if (elapsed < 150) assert.deepEqual([isOurs, other], [true, undefined]);
          else if (!isOurs || other !== undefined) break;
          renewed = asked;
          await sleep(5);
        }
        assert.ok(await cache.locks.take(lost, 10_000), 'nobody renewed it');
        await held.release();
      }));

    it('gives one lock to one of many that ask at once', () =>
      withCache(async (cache) => {
        const name = key();
        const taken = await Promise.all(Array.from({ length: 50 }, () => cache.locks.take(name, 10_000)));
        assert.equal(taken.filter((held) => held !== undefined).length, 1);
      }));

    it('is healthy while open, and fails every call once closed', async () => {
      const cache = await open();
      assert.equal(cache.kind, kind);
      assert.equal(cache.healthy(), true);
      await cache.close();
      assert.equal(cache.healthy(), false);
      await assert.rejects(cache.get('key'), failsAsCache);
      await assert.rejects(cache.set('key', 'value', 1_000), failsAsCache);
      await assert.rejects(cache.delete('key'), failsAsCache);
      await assert.rejects(cache.publishHint(1), failsAsCache);
      await assert.rejects(cache.locks.take('lock', 1_000), failsAsCache);
      await cache.close();
    });
  });
}
