/**
 * Several sidecars in one process, over one store and one shared cache, with everything between them under the test's
 * hand: reads wait until they are released, hints get lost, the store goes away, backups come back, clocks differ. The
 * fleet knows what the store held at any moment, and judges every answer by it.
 */
import { createChangeFollower, type ChangeFollower } from '../../sidecar/caches/change-follower.ts';
import { createFreshness } from '../../sidecar/caches/freshness.ts';
import { createValueSealer } from '../../sidecar/caches/sealed-values.ts';
import { createTokenLookup } from '../../sidecar/caches/tiered.ts';
import { createTokenL1 } from '../../sidecar/caches/token-l1.ts';
import type { Cache, Store, TokenLookup, Validation } from '../../sidecar/core/ports.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import {
  createScriptedStore,
  hashOf,
  silentLog,
  storeIsAway,
  type SavedStore,
  type ScriptedStore,
} from './scripted.ts';

export const names = ['a', 'b', 'c'] as const;
export type Name = (typeof names)[number];
/** What is known of a token: its consumer, `revoked`, or `token_unknown`. */
type State = string;

interface Member {
  readonly lookup: TokenLookup;
  readonly follower: ChangeFollower;
  readonly clock: FakeClock;
  /** Its clock runs so much faster than the world's. */
  readonly rate: number;
  readonly link: { store: boolean; hints: boolean };
  /** Its own clock at each moment of the world. */
  readonly times: number[];
}

export const pollMs = 500;

export class Fleet {
  readonly answers = new Map<string, number>();
  readonly wrong: string[] = [];
  private readonly store = createScriptedStore();
  private readonly members: Member[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly held = new Map<string, string>();
  private readonly written: [key: string, value: string][] = [];
  private readonly listeners = new Map<number, (revision: number) => void>();
  private readonly backups: (SavedStore & { readonly states: ReadonlyMap<Name, State> })[] = [];
  private readonly history = new Map<Name, { readonly moment: number; readonly state: State }[]>();
  private moment = 0;

  static async of(size: number, rates: readonly number[]): Promise<Fleet> {
    const fleet = new Fleet();
    for (const name of names) fleet.history.set(name, [{ moment: -1, state: 'token_unknown' }]);
    for (let i = 0; i < size; i += 1) await fleet.start(i, rates[i] ?? 1);
    return fleet;
  }

  // ── what happens to the world ──────────────────────────────────────────────────────────────────────────────────────

  change(name: Name, to: 'put' | 'update' | 'revoke' | 'remove'): void {
    this.backup();
    if (to === 'remove') this.store.remove(name);
    else if (to === 'revoke') this.store.revoke(name);
    else this.store.put(name, { consumer: to === 'put' ? 'first' : 'second' });
    this.note(name, { put: 'first', update: 'second', revoke: 'revoked', remove: 'token_unknown' }[to]);
  }

  /** The store becomes what it was `back` commits ago. */
  restore(back: number, as: Parameters<ScriptedStore['restore']>[1]): void {
    const saved = this.backups.at(-1 - back);
    if (saved === undefined) return;
    this.backups.length -= 1 + back;
    this.store.restore(saved, as);
    for (const [name, state] of saved.states) this.note(name, state);
  }

  setLink(index: number, link: 'store' | 'hints', up: boolean): void {
    const member = this.members[index];
    if (member !== undefined) member.link[link] = up;
  }

  /** The cache has a genuine value of earlier again, or nothing. */
  replay(which: number): void {
    const [key, value] = this.written[which % Math.max(1, this.written.length)] ?? [];
    if (key !== undefined && value !== undefined) this.held.set(key, value);
  }

  flush(): void {
    this.held.clear();
  }

  /** One that reads or writes something may go on. */
  release(which: number): void {
    this.waiting.splice(which % Math.max(1, this.waiting.length), 1)[0]?.();
  }

  /** Time passes, for each at its own pace. */
  pass(ms: number): void {
    for (const { clock, rate } of this.members) clock.advance(ms * rate);
  }

  /** A process ends and another one takes its place; without the store it would not start. */
  async restart(index: number): Promise<void> {
    const old = this.members[index];
    if (old?.link.store !== true) return;
    old.follower.stop();
    await this.start(index, old.rate);
  }

  ask(index: number, name: Name): void {
    const member = this.members[index];
    if (member === undefined) return;
    const answer = member.lookup.find(hashOf(name), () => true);
    if (answer instanceof Promise) void answer.then((late) => this.judge(member, name, late));
    else this.judge(member, name, answer);
  }

  /** Between two events: a moment on every clock, and whatever can run has run. */
  async turn(): Promise<void> {
    this.moment += 1;
    this.pass(1);
    for (const { clock, times } of this.members) times[this.moment] = clock.monotonic();
    await new Promise((resolve) => void setImmediate(resolve));
  }

  async settle(): Promise<void> {
    await this.turn();
    for (let i = 0; i < 300 && this.waiting.length > 0; i += 1) {
      this.release(0);
      await this.turn();
    }
  }

  // ── what must be so ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Who reaches the store is never behind by more than a poll, and then says what the store says. */
  async converge(): Promise<void> {
    for (const { link } of this.members) link.store = true;
    // A read under way may have been given up for lost: after its time-out the next poll comes.
    for (let i = 0; i < 14; i += 1) {
      await this.settle();
      this.pass(pollMs);
      await this.turn();
    }
    await this.settle();
    for (const [index, { follower, clock, rate }] of this.members.entries()) {
      const ageMs = clock.monotonic() - follower.lastReadAtMs();
      if (ageMs > pollMs + 300 * rate) this.wrong.push(`sidecar ${index} is ${ageMs} ms behind`);
    }
    const before = this.total();
    for (const index of this.members.keys()) for (const name of names) this.ask(index, name);
    // A breaker that opened lets somebody ask again after a second.
    await this.settle();
    if (this.total() !== before + this.members.length * names.length) this.wrong.push('somebody waits forever');
  }

  /** Everybody polls, the slowest clock included. */
  async poll(): Promise<void> {
    await this.settle();
    this.pass(2 * pollMs);
    await this.turn();
    await this.settle();
  }

  private judge(member: Member, name: Name, answer: Validation): void {
    const said = 'deny' in answer ? answer.deny : answer.revokedAtMs > 0 ? 'revoked' : answer.consumerId;
    this.answers.set(said, (this.answers.get(said) ?? 0) + 1);
    if (/unavailable|overloaded|deadline/.test(said)) return;
    const acceptable = this.statesSince(name, this.momentOf(member, member.follower.lastReadAtMs()));
    if (!acceptable.has(said)) {
      const age = member.clock.monotonic() - member.follower.lastReadAtMs();
      this.wrong.push(`${said} for ${name} from who claims to be ${age} ms behind; not ${[...acceptable].join(', ')}`);
    }
  }

  /** The last moment at which its clock showed no more than this. */
  private momentOf({ times }: Member, atMs: number): number {
    return Math.max(
      0,
      times.findLastIndex((time) => time <= atMs),
    );
  }

  private statesSince(name: Name, moment: number): ReadonlySet<State> {
    const history = this.history.get(name) ?? [];
    // What changed at that very moment may have changed after the read: both show the same on the clock.
    const first = history.findLastIndex((entry) => entry.moment < moment);
    return new Set(history.slice(Math.max(0, first)).map(({ state }) => state));
  }

  private note(name: Name, state: State): void {
    this.history.get(name)?.push({ moment: this.moment, state });
  }

  private backup(): void {
    const states = new Map(names.map((name) => [name, this.history.get(name)?.at(-1)?.state ?? 'token_unknown']));
    this.backups.push({ ...this.store.save(), states });
  }

  private total(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  private readonly wait = (): Promise<void> => new Promise((resolve) => void this.waiting.push(resolve));

  private cacheOf(index: number, link: Member['link']): Pick<Cache, 'get' | 'set' | 'publishHint' | 'onHint'> {
    return {
      get: async (key) => {
        const value = this.held.get(key);
        await this.wait();
        return value;
      },
      set: async (key, value) => {
        this.written.push([key, value]);
        await this.wait();
        this.held.set(key, value);
      },
      publishHint: async (revision) => {
        for (const listener of this.listeners.values()) listener(revision);
      },
      onHint: (listener) => {
        this.listeners.set(index, (revision) => {
          if (link.hints) listener(revision);
        });
        return () => void this.listeners.delete(index);
      },
    };
  }

  /** A statement sees one moment: sometimes before, sometimes after the wait. */
  private storeOf(
    index: number,
    link: Member['link'],
  ): Pick<Store, 'identity' | 'changesSince' | 'findToken' | 'onCommit'> {
    const read = async <T>(answer: () => T | Promise<T>): Promise<T> => {
      if (!link.store) return storeIsAway();
      const early = this.waiting.length % 2 === 0;
      if (!early) await this.wait();
      const result = await answer();
      if (early) await this.wait();
      return result;
    };
    return {
      identity: () => read(() => this.store.identity()),
      changesSince: (since, limit) => read(() => this.store.changesSince(since, limit)),
      findToken: (sha256) => read(() => this.store.findToken(sha256)),
      // Administrators talk to the first one.
      onCommit: (listener) => (index === 0 ? this.store.onCommit(listener) : () => undefined),
    };
  }

  private async start(index: number, rate: number): Promise<void> {
    const clock = createFakeClock(Date.UTC(2026, 0, 1) + index * 86_400_000);
    const link = { store: true, hints: true };
    const [store, cache] = [this.storeOf(index, link), this.cacheOf(index, link)];
    const l1 = createTokenL1({ maxBytes: 100_000 });
    const freshness = createFreshness({ maxTouched: 1_000, onOverflow: l1.clear });
    const follower = createChangeFollower(
      { pollMs, pageSize: 3 },
      {
        ...{ store, cache, freshness, clock, log: silentLog },
        onResourceChanges: () => undefined,
        onReset: l1.clear,
      },
    );
    const lookup = createTokenLookup(
      {
        ...{ deadlineMs: 60_000, cacheTimeoutMs: 30_000, storeTimeoutMs: 30_000, concurrency: 100, queue: 100 },
        ...{ positiveTtlMs: 300_000, negativeTtlMs: 30_000 },
      },
      {
        ...{ l1, store, freshness, clock, identity: follower.identity },
        cache: cache as Cache,
        sealer: createValueSealer({ masterKey: new Uint8Array(32).fill(1), keyVersion: 'v1' }),
        observe: () => undefined,
        onRejected: (reason) => this.wrong.push(`a genuine value was ${reason}`),
      },
    );
    const times: number[] = [];
    this.members[index] = { lookup, follower, clock, rate, link, times };
    times[this.moment] = clock.monotonic();
    const started = follower.start();
    for (let i = 0; i < 100 && follower.lastReadAtMs() < 0; i += 1) {
      this.waiting.pop()?.();
      await this.turn();
    }
    await started;
  }
}
