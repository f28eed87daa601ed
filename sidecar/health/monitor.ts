import type { HealthState, HealthView, SharedHealth } from '../core/health.ts';
import type { Cancel, Clock, UpstreamOutcome } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { classify } from './classify.ts';
import { unknownHealth, type HealthRecord, type HealthRules } from './health-record.ts';
import { endsByTime, onEvidence, onTime, onTrialTaken } from './on-evidence.ts';
import { mayLeaveToOthers, onOthersTurn, onProbe } from './on-probe.ts';
import { onWord } from './on-word.ts';
import type { Verdict } from './judge-probe.ts';
import type { ProbeTurns } from './probe-turns.ts';
import { canBeProbed, probe, type PooledCredential, type ProberDeps } from './prober.ts';

export interface HealthMonitorOptions extends Omit<HealthRules, 'canProbe' | 'random'> {
  /** False: nothing is ever sent to an upstream. */
  readonly probes: boolean;
}

export interface HealthMonitorDeps extends Omit<ProberDeps, 'now'> {
  /** Which credentials there are; one whose secret has become another one begins anew. */
  readonly snapshot: () => Snapshot | undefined;
  readonly clock: Clock;
  /** The monitor's own: it stops them. */
  readonly turns: ProbeTurns;
  /** 0 to 1. */
  readonly random: () => number;
  readonly onTransition: (transition: HealthTransition) => void;
}

/** A credential that changed from one state to another. Nothing of it is secret. */
export interface HealthTransition {
  readonly upstream: string;
  readonly credential: string;
  readonly version: string;
  readonly from: HealthState;
  readonly to: HealthState;
  readonly reason: string;
  readonly atMs: number;
  /** Of a pause; 0: it has no end that is known. */
  readonly untilMs: number;
  /** False: another sidecar saw it. */
  readonly firsthand: boolean;
}

/** What operators are shown of a credential. */
export interface ListedHealth extends Omit<HealthTransition, 'from' | 'to' | 'atMs'> {
  readonly state: HealthState;
  readonly sinceMs: number;
}

/** How the credentials of the snapshot fare: the table that decisions read, and what moves it. */
export interface HealthMonitor extends HealthView {
  /** The gateway's log; late, doubled and disordered as it comes. */
  onOutcomes(outcomes: readonly UpstreamOutcome[]): void;
  /** Hot path: a decision gave this version away. */
  onGiven(versionId: string): void;
  /** What other sidecars say. */
  learn(words: readonly SharedHealth[]): void;
  /** What others do not have to find out themselves. */
  words(): readonly SharedHealth[];
  /** All credentials of the snapshot. */
  list(): readonly ListedHealth[];
  ofCredential(credentialId: string): ListedHealth | undefined;
  stop(): void;
}

const tickMs = 200;
/** Under way at once, of all credentials together. */
const maxProbes = 4;
/** Log entries from longer ago say nothing about now. */
const maxEvidenceAgeMs = 60_000;
/** After this time nobody has to be told any more. */
const newsMs = 900_000;

export function createHealthMonitor(options: HealthMonitorOptions, deps: HealthMonitorDeps): HealthMonitor {
  const { clock } = deps;
  const records = new Map<string, HealthRecord>();
  /** Those that time alone may move. */
  const watched = new Set<string>();
  const probing = new Set<string>();
  let pooled: ReadonlyMap<string, PooledCredential> = new Map();
  let byCredential: ReadonlyMap<string, string> = new Map();
  let followed: Snapshot['upstreams'] | undefined;
  let stopped = false;

  const recordOf = (versionId: string): HealthRecord => records.get(versionId) ?? unknownHealth;

  function rulesFor(credential: PooledCredential): HealthRules {
    return { ...options, random: deps.random, canProbe: options.probes && canBeProbed(credential) };
  }

  function move(
    versionId: string,
    step: (known: HealthRecord, nowMs: number, rules: HealthRules) => HealthRecord,
  ): void {
    const credential = pooled.get(versionId);
    if (credential === undefined) return;
    const known = recordOf(versionId);
    const next = step(known, clock.now(), rulesFor(credential));
    if (next === known) return;
    records.set(versionId, next);
    if (next.probeAtMs !== undefined || endsByTime(next)) watched.add(versionId);
    else watched.delete(versionId);
    if (next.state === known.state) return;
    if (known.state === 'dead') deps.turns.release(versionId);
    tell(credential, known, next);
  }

  function tell({ upstream, version }: PooledCredential, before: HealthRecord, after: HealthRecord): void {
    const { reason, untilMs, firsthand } = after;
    deps.onTransition({
      upstream: upstream.id,
      credential: version.credentialId,
      version: version.versionId,
      from: before.state,
      to: after.state,
      reason,
      atMs: clock.now(),
      untilMs: after.state === 'throttled' ? untilMs : 0,
      firsthand,
    });
  }

  /** Looked at whenever something is about to change: nothing is done while the upstreams are the same. */
  function followSnapshot(): void {
    const upstreams = deps.snapshot()?.upstreams;
    if (upstreams === undefined || upstreams === followed) return;
    followed = upstreams;
    const next = new Map<string, PooledCredential>();
    for (const upstream of upstreams.values()) {
      for (const version of upstream.credentials) {
        // An upstream that needs no secret has a version without a credential, which is no credential's health.
        if (version.credentialId !== '') next.set(version.versionId, { upstream, version });
      }
    }
    const before = pooled;
    pooled = next;
    byCredential = new Map([...next].map(([versionId, { version }]) => [version.credentialId, versionId]));
    for (const [versionId, { version }] of before) {
      const now = next.get(versionId);
      if (now === undefined) forget(versionId);
      else if (!isSame(now.version.headers, version.headers)) move(versionId, onNewSecret);
    }
  }

  function describe({ upstream, version }: PooledCredential): ListedHealth {
    const { credentialId: credential, versionId } = version;
    const { state, reason, sinceMs, untilMs, firsthand } = recordOf(versionId);
    const pauseMs = state === 'throttled' ? untilMs : 0;
    return {
      upstream: upstream.id,
      credential,
      version: versionId,
      state,
      reason,
      sinceMs,
      untilMs: pauseMs,
      firsthand,
    };
  }

  function forget(versionId: string): void {
    deps.turns.release(versionId);
    records.delete(versionId);
    watched.delete(versionId);
  }

  function tick(): void {
    followSnapshot();
    const nowMs = clock.now();
    for (const versionId of [...watched]) {
      move(versionId, onTime);
      const { probeAtMs } = recordOf(versionId);
      if (probeAtMs !== undefined && probeAtMs <= nowMs) ask(versionId);
    }
  }

  /** One at a time a credential; one that finds no room waits for the next tick. */
  function ask(versionId: string): void {
    const credential = pooled.get(versionId);
    if (
      stopped ||
      credential === undefined ||
      !canBeProbed(credential) ||
      probing.has(versionId) ||
      probing.size >= maxProbes
    )
      return;
    probing.add(versionId);
    void askInTurn(credential).then((verdict) => {
      probing.delete(versionId);
      const now = pooled.get(versionId);
      // Of a secret that is not the credential's any more it says nothing.
      if (stopped || now === undefined || !isSame(now.version.headers, credential.version.headers)) return;
      move(versionId, (known, nowMs, rules) =>
        verdict === undefined ? onOthersTurn(known, nowMs, rules) : onProbe(known, verdict, nowMs, rules),
      );
    });
  }

  /** Undefined: another sidecar does. Only for what is dead already; who suspects one looks at once. Never rejects. */
  async function askInTurn(credential: PooledCredential): Promise<Verdict | undefined> {
    const { versionId } = credential.version;
    const isDead = (): boolean => recordOf(versionId).state === 'dead';
    const wasDead = isDead();
    const mayWait = mayLeaveToOthers(recordOf(versionId), clock.now(), rulesFor(credential));
    if (mayWait && !(await deps.turns.take(versionId))) return undefined;
    // Heard meanwhile, or told to stop.
    if (stopped || (wasDead && !isDead())) {
      deps.turns.release(versionId);
      return undefined;
    }
    const verdict = await probe(credential, { ...deps, now: () => clock.now() });
    // Perhaps from elsewhere it can be seen.
    if (verdict.kind === 'unsure' || !isDead()) deps.turns.release(versionId);
    return verdict;
  }

  function hear({ versionId, atMs, durationMs, ...outcome }: UpstreamOutcome): void {
    const credential = pooled.get(versionId);
    const nowMs = clock.now();
    if (credential === undefined || nowMs - atMs > maxEvidenceAgeMs) return;
    const evidence = classify(credential.upstream.preset, outcome, nowMs);
    // A gateway's clock may run ahead of ours.
    const startedMs = Math.min(atMs, nowMs) - (durationMs ?? 0);
    move(versionId, (known, _, rules) => onEvidence(known, evidence, startedMs, nowMs, rules));
  }

  const stopTicking: Cancel = clock.every(tickMs, tick);

  return {
    find: (versionId) => records.get(versionId),
    onOutcomes(outcomes) {
      followSnapshot();
      for (const outcome of outcomes) hear(outcome);
      // A suspicion does not wait for the next tick.
      tick();
    },
    onGiven(versionId) {
      if (records.get(versionId)?.untilMs) move(versionId, onTrialTaken);
    },
    learn(words) {
      followSnapshot();
      for (const word of words) move(word.versionId, (known, nowMs, rules) => onWord(known, word, nowMs, rules));
    },
    words() {
      const nowMs = clock.now();
      return [...records].flatMap(([versionId, { state, sinceMs, untilMs, needsTrial, reason, atMs }]) =>
        atMs > 0 && state !== 'unknown' && (nowMs - atMs < newsMs || untilMs > nowMs)
          ? [{ versionId, state, sinceMs, untilMs, needsTrial, reason, atMs }]
          : [],
      );
    },
    list() {
      followSnapshot();
      return [...pooled.values()].map(describe);
    },
    ofCredential(credentialId) {
      followSnapshot();
      const credential = pooled.get(byCredential.get(credentialId) ?? '');
      return credential && describe(credential);
    },
    stop() {
      stopped = true;
      stopTicking();
      deps.turns.stop();
    },
  };
}

/** What is known is of the secret before, and so is what others still say and what is under way. */
function onNewSecret(known: HealthRecord, nowMs: number): HealthRecord {
  return known === unknownHealth ? known : { ...unknownHealth, reason: 'secret_changed', sinceMs: nowMs, atMs: nowMs };
}

/** Whether two answers carry the same secret. */
function isSame(a: Secret<readonly string[]> | undefined, b: Secret<readonly string[]> | undefined): boolean {
  if (a === b) return true;
  const [left, right] = [a?.reveal(), b?.reveal()];
  return left?.length === right?.length && left?.every((text, i) => text === right?.[i]) === true;
}
