import type { Evidence } from './classify.ts';
import { dampedMs, enoughHeard, growing, type HealthRecord, type HealthRules } from './health-record.ts';

/** Shortest and longest pause between probes for suspicions that keep turning out wrong. */
const alarmMs = 1_000;
const maxAlarmMs = 10_000;
const distrustMs = 3_600_000;
/** Share of the newest request in {@link HealthRecord.failing}. */
const newest = 0.1;

/**
 * A request's outcome. `startedMs`: when it was sent; what was sent before the present state began says nothing about
 * it (a stream that ends late, a batch that was under way). Returns the very record where nothing changes.
 */
export function onEvidence(
  known: HealthRecord,
  evidence: Evidence,
  startedMs: number,
  nowMs: number,
  rules: HealthRules,
): HealthRecord {
  if (startedMs < known.sinceMs) return known;
  switch (evidence.kind) {
    case 'neutral':
      return known;
    case 'failed':
      return onFailing(onShare(known, 1), nowMs);
    case 'accepted':
      return onAccepted(onShare(known, 0), startedMs, nowMs);
    case 'refused':
      return onRefused(known, evidence, nowMs, rules);
    case 'limited':
      return onLimited(known, evidence, nowMs, rules);
  }
}

/**
 * The trial's request is on its way. It counts as failed until it is heard to have worked: its outcome may be told to
 * another sidecar, or to none, and the next trial must not come the sooner for that.
 */
export function onTrialTaken(known: HealthRecord, nowMs: number, rules: HealthRules): HealthRecord {
  const mayTry = known.state === 'dead' ? known.firsthand : known.needsTrial;
  if (!mayTry || known.untilMs > nowMs) return known;
  const { coolDownMs, maxCoolDownMs, random } = rules;
  const untilMs = nowMs + growing(coolDownMs, maxCoolDownMs, known.coolDowns, random);
  return { ...known, atMs: nowMs, untilMs, coolDowns: known.coolDowns + 1 };
}

/** Time alone: a pause that was told is over; what others said is not said any more. */
export function onTime(known: HealthRecord, nowMs: number): HealthRecord {
  if (!endsByTime(known) || known.untilMs > nowMs) return known;
  const { firsthand } = known;
  if (known.state === 'throttled') return { ...enter(known, 'ok', 'pause_over', nowMs), firsthand };
  // No news for anybody: whoever sees it still, says so.
  return { ...enter(known, 'unknown', 'no_longer_said', nowMs), atMs: known.atMs, firsthand };
}

export function endsByTime({ state, needsTrial, firsthand, untilMs }: HealthRecord): boolean {
  if (state === 'throttled') return !needsTrial;
  return !firsthand && untilMs > 0;
}

export function coolDown(known: HealthRecord, reason: string, nowMs: number, rules: HealthRules): HealthRecord {
  // A credential that worked for longer than it had cooled begins anew.
  const lastMs = rules.coolDownMs * 2 ** Math.max(0, known.coolDowns - 1);
  const recovered = known.state === 'ok' && nowMs - known.sinceMs > Math.min(lastMs, rules.maxCoolDownMs);
  const coolDowns = recovered ? 0 : known.coolDowns;
  const untilMs = nowMs + growing(rules.coolDownMs, rules.maxCoolDownMs, coolDowns, rules.random);
  const entered =
    known.state === 'throttled' ? { ...known, reason, atMs: nowMs } : enter(known, 'throttled', reason, nowMs);
  return { ...entered, untilMs, needsTrial: true, coolDowns: coolDowns + 1, probeAtMs: undefined };
}

/** The next state, of which nothing of the one before is left but what is remembered on purpose. */
export function enter(known: HealthRecord, state: HealthRecord['state'], reason: string, nowMs: number): HealthRecord {
  return {
    ...known,
    state,
    reason,
    sinceMs: nowMs,
    atMs: nowMs,
    untilMs: 0,
    needsTrial: false,
    firsthand: true,
    probeAtMs: undefined,
    probes: 0,
  };
}

function onShare(known: HealthRecord, failed: 0 | 1): HealthRecord {
  if (failed === 0 && known.failing < 0.001) {
    return known.heard === enoughHeard ? known : { ...known, heard: known.heard + 1 };
  }
  const heard = Math.min(known.heard + 1, enoughHeard);
  return { ...known, heard, failing: known.failing + newest * (failed - known.failing) };
}

function onFailing(known: HealthRecord, nowMs: number): HealthRecord {
  const fails = known.failing > 0.5 && known.heard >= enoughHeard;
  const mayDegrade = known.state === 'ok' || known.state === 'unknown';
  return fails && mayDegrade ? enter(known, 'degraded', 'upstream_failing', nowMs) : known;
}

function onAccepted(known: HealthRecord, startedMs: number, nowMs: number): HealthRecord {
  switch (known.state) {
    case 'ok':
      return known;
    case 'unknown':
      // Since it was sent: what was sent later may already say otherwise. No news for other sidecars.
      return { ...enter(known, 'ok', 'request_accepted', nowMs), sinceMs: startedMs, atMs: 0 };
    case 'degraded':
      return known.failing < 0.2 ? enter(known, 'ok', 'request_accepted', nowMs) : known;
    case 'suspect':
      // A provider forgets a key on one of its servers after the other: the probe decides.
      return known;
    case 'throttled':
      return known.needsTrial ? enter(known, 'ok', 'request_accepted', nowMs) : known;
    case 'dead':
      // What works is not dead, whatever a probe says: it may have been sent where nothing works (a proxy's path).
      return {
        ...enter(known, 'ok', 'request_accepted', nowMs),
        distrustProbesUntilMs: known.firsthand ? nowMs + distrustMs : known.distrustProbesUntilMs,
      };
  }
}

function onRefused(
  known: HealthRecord,
  { status, needsBody }: Extract<Evidence, { kind: 'refused' }>,
  nowMs: number,
  rules: HealthRules,
): HealthRecord {
  if (known.state === 'dead' || known.state === 'suspect') return known;
  const reason = `status_${String(status)}`;
  const canProbe = rules.canProbe && known.distrustProbesUntilMs <= nowMs;
  if (!canProbe) {
    // Nobody can look at the body: a status that is no proof by itself must not count.
    if (needsBody || known.state === 'throttled') return known;
    return coolDown(known, reason, nowMs, rules);
  }
  if (nowMs - known.falseAlarmMs < dampedMs) {
    // It stays in the pool, and is looked at all the same, so that a death among false alarms is found soon.
    const pauseMs = Math.min(alarmMs * 2 ** Math.max(0, known.falseAlarms - 1), maxAlarmMs);
    return known.probeAtMs === undefined
      ? { ...known, probeAtMs: Math.max(nowMs, known.falseAlarmMs + pauseMs) }
      : known;
  }
  return { ...enter(known, 'suspect', reason, nowMs), needsBody, probeAtMs: nowMs };
}

function onLimited(
  known: HealthRecord,
  { untilMs, mayBeDead }: Extract<Evidence, { kind: 'limited' }>,
  nowMs: number,
  rules: HealthRules,
): HealthRecord {
  if (known.state === 'dead' || known.state === 'suspect') return known;
  if (untilMs !== undefined) {
    if (known.state === 'throttled' && known.untilMs >= untilMs) return known;
    const entered = known.state === 'throttled' ? known : enter(known, 'throttled', 'rate_limited', nowMs);
    return { ...entered, untilMs, needsTrial: false, atMs: nowMs, reason: 'rate_limited' };
  }
  if (known.state === 'throttled') return known;
  const cooled = coolDown(known, 'limited_without_a_hint', nowMs, rules);
  const canProbe = mayBeDead && rules.canProbe && known.distrustProbesUntilMs <= nowMs;
  return canProbe ? { ...cooled, probeAtMs: nowMs } : cooled;
}
