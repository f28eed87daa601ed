/** Where the state comes from when the store is away at a start, with a store that does as it is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createCleanUp } from '../../sidecar/compose/clean-up.ts';
import { locatorOf } from '../../sidecar/compose/last-good.ts';
import { createSnapshots } from '../../sidecar/compose/snapshots.ts';
import { linkStore, type StoreLink } from '../../sidecar/compose/store-link.ts';
import { loadConfig } from '../../sidecar/config/load-config.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Mutation, Store } from '../../sidecar/core/ports.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import type { LoadedKeys } from '../../sidecar/keys/key-files.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { createMetrics } from '../../sidecar/ops/metrics.ts';
import type { SnapshotKeeper } from '../../sidecar/snapshot/keeper.ts';
import { createLateStore } from '../../sidecar/stores/late-store.ts';
import { openSqliteStore } from '../../sidecar/stores/sqlite.ts';
import { admin, hashOf, put, putToken } from '../contract/store/samples.ts';
import { defaults } from '../support/deciding.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { recordingLog, type RecordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

const upstream: Mutation = {
  op: 'put',
  kind: 'upstream',
  id: 'api',
  owner: 'api',
  spec: { ...defaults.upstream, preset: 'generic', max_stale_ms: 60_000 },
};
const away = (): never => {
  throw new CredentialFlowError('store_failed', 'the store is away');
};

interface Started {
  readonly link: StoreLink;
  readonly keeper: SnapshotKeeper;
  readonly log: RecordingLog;
  stop(): Promise<void>;
}

interface Scene {
  readonly clock: FakeClock;
  readonly directory: string;
  /** Every method of it fails while `isAway`. */
  store: Store;
  isAway: boolean;
  /** As a PostgreSQL names the history that it writes. */
  timeline?: string;
  /** Called in a start once the store was met. */
  onMet?: () => void;
  /** Seconds of a sidecar's life: the clock moves, and what it sets off happens. */
  pass(ms: number): Promise<void>;
  start(env?: Readonly<Record<string, string>>, wallMs?: number): Promise<Started>;
}

async function scene(t: TestContext): Promise<Scene> {
  const home = mkdtempSync(join(tmpdir(), 'cf-store-link-'));
  const stops: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const stop of stops) await stop();
    rmSync(home, { recursive: true, force: true });
  });
  const clock = createFakeClock();
  const open = (): Promise<Store> => openSqliteStore(':memory:', {}, { clock, log: recordingLog() });
  const here: Scene = {
    clock,
    directory: join(home, 'last-good'),
    store: await open(),
    isAway: false,
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 500) {
        clock.advance(500);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    async start(env = {}) {
      const log = recordingLog();
      const cleanUp = createCleanUp();
      const { config } = loadConfig({
        env: { CREDENTIALFLOW_DATA_DIR: home, CREDENTIALFLOW_LAST_GOOD: 'true', ...env },
        cwd: home,
      });
      const keyring = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(32).fill(7)) }]);
      const common = { metrics: createMetrics({ version: 'test' }), clock, log, cleanUp, keyring };
      const late = createLateStore({ kind: 'sqlite', durable: true }, async () => {
        if (here.isAway) away();
        // A stop must not close the one store.
        return failing(here);
      });
      const snapshots = createSnapshots({ ...common, store: late.store, env: {} });
      cleanUp.add(() => snapshots.stop());
      const nothing = {
        start: async () => here.onMet?.(),
        reload: async () => [],
        status: () => [],
        stop: async () => undefined,
      };
      const keys = { gateway: new Secret('gateway-key-of-at-least-32-characters') } as unknown as LoadedKeys;
      const keyState = { open: async () => undefined, isGenuine: () => true, administration: {} as never };
      const lock = { slot: 1, update: () => undefined, release: () => undefined };
      try {
        const link = await linkStore(config, { ...common, lock, keys, late, keyState, snapshots, sources: nothing });
        let stopped: Promise<void> | undefined;
        const stop = (): Promise<void> => (stopped ??= cleanUp.run());
        stops.push(stop);
        return { link, keeper: snapshots.keeper, log, stop };
      } catch (error) {
        await cleanUp.run();
        throw error;
      }
    },
  };
  await here.store.write([upstream, put('team'), putToken('t')], admin);
  return here;
}

/** Whatever store is there at the moment of a call; a swap under a running sidecar is a fail-over. */
function failing(here: Pick<Scene, 'store' | 'isAway' | 'timeline'>): Store {
  return new Proxy(here.store, {
    get(_, name) {
      const target = here.store;
      if (name === 'close') return async () => undefined;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || name === 'onCommit') return value;
      if (name === 'changesSince' && !here.isAway && here.timeline !== undefined) {
        return async (since: number, limit: number) => ({
          ...(await target.changesSince(since, limit)),
          timeline: here.timeline,
        });
      }
      return (...args: unknown[]): unknown => {
        if (!here.isAway) return Reflect.apply(value, target, args);
        return Promise.reject(new CredentialFlowError('store_failed', 'the store is away'));
      };
    },
  });
}

const lookUp = async ({ link }: Started, name: string): Promise<string> => {
  const found = await link.tokens.lookup.find(hashOf(name), () => true);
  return 'deny' in found ? found.deny : found.tokenId;
};

/** A life in which the token became warm, ended properly. */
async function liveOnce(here: Scene): Promise<void> {
  const first = await here.start();
  assert.equal(await lookUp(first, 't'), 'tok_t');
  await first.stop();
}

describe('a start without the store', () => {
  it('serves what was known, and counts its age from the last confirmed read, not from the start', async (t) => {
    const here = await scene(t);
    await liveOnce(here);
    here.isAway = true;
    await here.pass(10_000);
    for (let crash = 1; crash <= 3; crash++) {
      const again = await here.start();
      assert.equal(again.link.source().from, 'last_good');
      assert.deepEqual([await lookUp(again, 't'), await lookUp(again, 'other')], ['tok_t', 'store_unavailable']);
      assert.ok(again.keeper.current()?.consumers.get('team'));
      const age = again.link.stateAgeMs();
      assert.ok(age >= crash * 10_000 && age < crash * 10_000 + 1_000, String(age));
      assert.ok(again.log.events().includes('serving_last_good'));
      await here.pass(10_000);
      await again.stop();
    }
    await here.pass(30_000);
    await assert.rejects(here.start(), { code: 'store_failed', message: /longer ago than any upstream's max_stale/ });
  });

  it('makes nothing younger by setting the clock back', async (t) => {
    const here = await scene(t);
    await liveOnce(here);
    here.isAway = true;
    await here.pass(5_000);
    const again = await here.start();
    const realNow = here.clock.now;
    Object.assign(here.clock, { now: () => realNow() - 3_600_000 });
    await here.pass(2_000);
    assert.ok(again.link.stateAgeMs() >= 7_000);
    await again.stop();
    await assert.rejects(here.start(), { code: 'store_failed', message: /clock says that it is earlier/ });
  });

  it('is an error that says why where there is nothing to serve, or it is switched off', async (t) => {
    const here = await scene(t);
    here.isAway = true;
    await assert.rejects(here.start(), { code: 'store_failed', message: 'the store is away; and no last good state can be served: none was written yet' }); // prettier-ignore
    here.isAway = false;
    await liveOnce(here);
    here.isAway = true;
    await assert.rejects(here.start({ CREDENTIALFLOW_LAST_GOOD: 'false' }), { message: 'the store is away' });
    await assert.rejects(here.start({ CREDENTIALFLOW_STORE: 'sqlite:elsewhere.db' }), { message: /another store/ });
  });

  it('joins the store when it comes back, and keeps what it wrote up to date', async (t) => {
    const here = await scene(t);
    await liveOnce(here);
    here.isAway = true;
    await here.pass(3_000);
    const again = await here.start();
    // Known to the store only: somebody else wrote it.
    await here.store.write([put('newcomer'), putToken('new')], admin);
    await here.store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 1 }], admin);
    await here.pass(4_000);
    assert.equal(again.link.source().from, 'last_good');
    here.isAway = false;
    await until(async () => {
      await here.pass(500);
      return again.link.source().from === 'store';
    }, 'it joins the store');
    assert.ok(again.keeper.current()?.consumers.get('newcomer'));
    assert.equal(await lookUp(again, 'new'), 'tok_new');
    const revoked = await again.link.tokens.lookup.find(hashOf('t'), () => true);
    assert.ok('revokedAtMs' in revoked && revoked.revokedAtMs === 1);
    assert.ok(again.link.stateAgeMs() < 2_000);
    await until(async () => {
      await here.pass(500);
      return again.link.lastGood().written?.revision === again.keeper.current()?.revision;
    }, 'what it knows is written');
  });

  it('gives up what it served when the store that comes back has another past', async (t) => {
    const here = await scene(t);
    await liveOnce(here);
    here.isAway = true;
    const again = await here.start();
    here.store = await openSqliteStore(':memory:', {}, { clock: here.clock, log: recordingLog() });
    await here.store.write([upstream, put('stranger')], admin);
    here.isAway = false;
    await until(async () => {
      await here.pass(500);
      return again.link.source().from === 'store';
    }, 'it joins the store');
    assert.equal(again.keeper.current()?.consumers.get('team'), undefined);
    assert.ok(again.keeper.current()?.consumers.get('stranger'));
    assert.equal(await lookUp(again, 't'), 'token_unknown');
  });

  it('gives up what it served when the server that comes back was promoted, whatever its revision', async (t) => {
    const here = await scene(t);
    here.timeline = '00000001';
    await liveOnce(here);
    here.isAway = true;
    const again = await here.start();
    assert.equal(await lookUp(again, 't'), 'tok_t');
    // The same store at a higher revision, but with another history up to there.
    await here.store.write([put('newcomer')], admin);
    here.timeline = '00000002';
    here.isAway = false;
    await until(async () => {
      await here.pass(500);
      return again.log.events().includes('store_joined');
    }, 'it joins the store');
    assert.equal(again.log.lines.find(({ event }) => event === 'store_joined')?.fields['last_good'], 'another');
    assert.ok(again.keeper.current()?.consumers.get('newcomer'));
  });

  it('does not serve what was known before a fail-over to a start that met the new server', async (t) => {
    const here = await scene(t);
    here.timeline = '00000001';
    await liveOnce(here);
    await here.store.write([put('newcomer')], admin);
    here.timeline = '00000002';
    here.onMet = () => {
      here.isAway = true;
    };
    await assert.rejects(here.start(), { code: 'store_failed', message: /failed over/ });
  });

  it('forgets what it wrote of a store that turns into another one', async (t) => {
    const here = await scene(t);
    const first = await here.start();
    await until(() => first.link.lastGood().written !== undefined, 'it is written');
    const [, before] = readdirSync(here.directory).sort();
    here.store = await openSqliteStore(':memory:', {}, { clock: here.clock, log: recordingLog() });
    await here.store.write([upstream, put('stranger')], admin);
    await until(async () => {
      await here.pass(500);
      return first.log.events().includes('state_reset') && !readdirSync(here.directory).includes(before ?? '');
    }, 'the old files are gone');
    await first.stop();
    here.isAway = true;
    const again = await here.start();
    assert.deepEqual(
      [...(again.keeper.current()?.consumers.entries() ?? [])].map(([id]) => id),
      ['stranger'],
    );
  });
});

describe('the store that a configuration means', () => {
  it('is the same with another user or password, and another at another place', () => {
    const plain = locatorOf('postgres://db.example.com:5432/flow?schema=a');
    for (const url of [
      'postgres://u:p%40ss@db.example.com:5432/flow?schema=a',
      'postgres://x@db.example.com:5432/flow?schema=a',
    ]) {
      assert.equal(locatorOf(url), plain);
    }
    assert.ok(!locatorOf('postgres://db/flow?password=hunter2&sslmode=require').includes('hunter2'));
    for (const url of [
      'postgres://other/flow?schema=a',
      'postgres://db.example.com:5432/flow?schema=b',
      'sqlite:/x.db',
    ]) {
      assert.notEqual(locatorOf(url), plain);
    }
  });
});
