/** Traffic that knows what the answers must be, and what was seen against it. */
import { quantile } from '../stats.ts';
import { createAsker, openLoop } from './ask.ts';
import { forbiddenPath, issueToken, revokeToken, type Issued, type Scene } from './scene.ts';

/** What must never happen, counted. */
export interface Seen {
  asked: number;
  allowed: number;
  /** 200 where nothing may be allowed. */
  wrongAllows: number;
  /** 401 or 403 for a token that is good: a fault must say 503. */
  dishonest: number;
  /** Over the bound, answered or not. */
  slow: number;
  unanswered: number;
  unavailable: number;
  readonly latencies: number[];
}

export interface Watch {
  /** What was seen since the last call. */
  take(): Seen;
  /** Ids of tokens whose issue was acknowledged. */
  readonly issued: readonly string[];
  /** Ids of tokens whose revocation was acknowledged. */
  readonly revoked: readonly string[];
  /** Writes that were refused, honestly, while a part was away. */
  readonly refusedWrites: () => number;
  /** No revocation is begun while held: its second might end after the store is gone. */
  holdRevocations(held: boolean): void;
  stop(): Promise<void>;
}

export const boundMs = 1_000;
/** Promise 3: on every sidecar that can read the store. */
const revocationBoundMs = 1_000;

export interface WatchOptions {
  readonly perSecond: number;
  /** Tokens of the normal traffic. */
  readonly tokens: number;
}

type Case = 'good' | 'forbidden' | 'forged' | 'revoked';
const cases: readonly Case[] = [
  'good',
  'good',
  'good',
  'good',
  'good',
  'good',
  'forbidden',
  'forged',
  'revoked',
  'good',
];

export async function startWatch(scene: Scene, options: WatchOptions): Promise<Watch> {
  const asker = createAsker();
  const good: Issued[] = [];
  for (let i = 0; i < options.tokens; i++) good.push(await issueToken(scene, writer(scene), i));
  const victims: Issued[] = [];
  for (let i = 0; i < options.tokens; i++) victims.push(await issueToken(scene, writer(scene), i));
  const gone: { readonly token: string; readonly ackedAt: number }[] = [];
  const issued = [...good, ...victims].map(({ id }) => id);
  const revoked: string[] = [];
  let refused = 0;
  let held = false;
  let seen = nothing();

  async function ask(n: number): Promise<void> {
    const kind = cases[n % cases.length] ?? 'good';
    const sidecar = scene.sidecars[n % scene.sidecars.length];
    const picked = good[(n * 7) % good.length];
    const past = gone[n % Math.max(1, gone.length)];
    if (sidecar === undefined || picked === undefined) return;
    const token = kind === 'forged' ? forge(picked.token) : kind === 'revoked' ? past?.token : picked.token;
    if (token === undefined) return;
    const settled = kind !== 'revoked' || performance.now() - (past?.ackedAt ?? 0) > revocationBoundMs;
    const into = seen;
    const { status, ms } = await asker.ask(sidecar.data, token, {
      path: kind === 'forbidden' ? forbiddenPath : undefined,
    });
    into.asked++;
    into.latencies.push(ms);
    if (ms > boundMs) into.slow++;
    if (status === 0) into.unanswered++;
    if (status === 503) into.unavailable++;
    if (status === 200) {
      if (kind === 'good') into.allowed++;
      else if (settled) into.wrongAllows++;
    } else if (kind === 'good' && status !== 503 && status !== 0) into.dishonest++;
  }

  async function write(n: number): Promise<void> {
    try {
      const fresh = await issueToken(scene, writer(scene), n);
      issued.push(fresh.id);
      // Cold everywhere: its first question on each sidecar needs the cache or the store.
      good[n % good.length] = fresh;
      const victim = held ? undefined : victims.pop();
      if (victim === undefined) return;
      await revokeToken(scene, writer(scene), victim.id);
      revoked.push(victim.id);
      gone.push({ token: victim.token, ackedAt: performance.now() });
    } catch {
      refused++;
    }
  }

  const traffic = openLoop(options.perSecond, ask);
  const writes = openLoop(5, write);
  return {
    take() {
      const taken = seen;
      seen = nothing();
      return taken;
    },
    issued,
    revoked,
    refusedWrites: () => refused,
    holdRevocations(hold) {
      held = hold;
    },
    async stop() {
      await Promise.all([traffic.stop(), writes.stop()]);
      asker.close();
    },
  };
}

export function p99(seen: Seen): number {
  return seen.latencies.length === 0 ? 0 : quantile(seen.latencies, 0.99);
}

function nothing(): Seen {
  return {
    asked: 0,
    allowed: 0,
    wrongAllows: 0,
    dishonest: 0,
    slow: 0,
    unanswered: 0,
    unavailable: 0,
    latencies: [],
  };
}

function writer(scene: Scene): Scene['sidecars'][number] {
  const [first] = scene.sidecars;
  if (first === undefined) throw new Error('the scene has no sidecar');
  return first;
}

/** As long as a real one, and made of the same characters. */
function forge(token: string): string {
  const random = Array.from(token.slice(6)).reverse().join('');
  return token.slice(0, 6) + random;
}
