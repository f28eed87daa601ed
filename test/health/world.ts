/** A monitor over a real snapshot of two credentials, a fake clock and a scripted provider. */
import type { UpstreamOutcome } from '../../sidecar/core/ports.ts';
import type { Preset } from '../../sidecar/core/preset.ts';
import type { ProbeAnswer } from '../../sidecar/health/judge-probe.ts';
import { createCache } from '../../sidecar/caches/index.ts';
import type { SharedLocks } from '../../sidecar/core/ports.ts';
import { createProbeTurns } from '../../sidecar/health/probe-turns.ts';
import { createHealthMonitor, type HealthMonitor, type HealthTransition } from '../../sidecar/health/monitor.ts';
import type { Snapshot } from '../../sidecar/core/snapshot.ts';
import { resource, snapshotOf, testPreset } from '../support/deciding.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

export interface HealthWorld {
  readonly clock: FakeClock;
  readonly monitor: HealthMonitor;
  readonly transitions: HealthTransition[];
  /** Requests that probes sent. */
  readonly probes: { readonly url: string; readonly headers: Readonly<Record<string, string>> }[];
  /** What the provider answers to a probe; undefined: nothing, in time. */
  answer: Partial<ProbeAnswer> | undefined;
  /** Of now; the next tick sees another one. */
  snapshot: Snapshot;
  /** From now on probes wait until `answered` is called. */
  holdAnswers(): { readonly answered: (answer: Partial<ProbeAnswer>) => void };
  /** One request of a credential, now or so many milliseconds ago. */
  hear(credential: string, status: number, more?: Partial<UpstreamOutcome> & { readonly agoMs?: number }): void;
  stateOf(credential: string): string;
  versionOf(credential: string): string;
  /** Moves the clock and lets what was waited for happen. */
  pass(ms: number): Promise<void>;
}

export const rules = { coolDownMs: 10_000, maxCoolDownMs: 600_000, probeMs: 5_000, maxProbeMs: 300_000 };

export async function createHealthWorld(
  preset: Partial<Preset> = {},
  options: { readonly probes?: boolean; readonly clock?: FakeClock; readonly locks?: SharedLocks } = {},
): Promise<HealthWorld> {
  const clock = options.clock ?? createFakeClock();
  const snapshot = await twoCredentials('secret', { ...testPreset, deadKey: [{ status: 401 }], ...preset });
  const locks = options.locks ?? (await createCache('memory', {}, { clock, log: recordingLog() })).locks;
  const transitions: HealthTransition[] = [];
  const probes: HealthWorld['probes'] = [];
  let held: Promise<ProbeAnswer> | undefined;
  const monitor = createHealthMonitor(
    { ...rules, probes: options.probes ?? true },
    {
      clock,
      snapshot: () => world.snapshot,
      turns: createProbeTurns({ locks, storeId: () => 'store', clock }),
      random: () => 0.5,
      observe: () => undefined,
      onTransition: (transition) => transitions.push(transition),
      request({ url, headers }) {
        probes.push({ url, headers });
        const { answer } = world;
        if (held !== undefined) return held;
        if (answer === undefined) return Promise.reject(new Error('time-out'));
        return Promise.resolve({ status: 200, headers: {}, text: '', ...answer });
      },
    },
  );
  const versionOf = (credential: string): string =>
    snapshot.upstreams.get('api')?.credentials.find(({ credentialId }) => credentialId === credential)?.versionId ?? '';
  const world: HealthWorld = {
    clock,
    monitor,
    transitions,
    probes,
    answer: {},
    snapshot,
    versionOf,
    holdAnswers() {
      const { promise, resolve } = Promise.withResolvers<ProbeAnswer>();
      held = promise;
      return { answered: (answer) => resolve({ status: 200, headers: {}, text: '', ...answer }) };
    },
    hear(credential, status, { agoMs = 0, ...more } = {}) {
      const versionId = versionOf(credential);
      const outcome = { upstreamId: 'api', credentialId: credential, versionId, atMs: clock.now() - agoMs, status };
      monitor.onOutcomes([{ ...outcome, durationMs: undefined, headerMs: undefined, limits: {}, ...more }]);
    },
    stateOf: (credential) => monitor.find(versionOf(credential))?.state ?? 'unknown',
    async pass(ms) {
      // In steps: a probe's answer is there before the next tick.
      for (let left = ms; left > 0; left -= 200) {
        clock.advance(Math.min(left, 200));
        await new Promise(setImmediate);
      }
      await new Promise(setImmediate);
    },
  };
  return world;
}

export function twoCredentials(secret: string, preset: Preset): Promise<Snapshot> {
  const credential = (id: string): ReturnType<typeof resource> =>
    resource('credential', id, { secret: { from: 'test', value: `${secret}-${id}` } });
  return snapshotOf([resource('upstream', 'api'), credential('a'), credential('b')], [preset]);
}
