import { dampedMs, growing, type HealthRecord, type HealthRules } from './health-record.ts';
import type { Verdict } from './judge-probe.ts';
import { coolDown, enter } from './on-evidence.ts';

/** Probes of a suspect that say nothing, before it is treated like one that nobody can tell about. */
const maxUnsure = 3;
const unreachableMs = 300_000;

/** A probe's answer; `known` is the record as it is now, not as it was when the probe was sent. */
export function onProbe(known: HealthRecord, verdict: Verdict, nowMs: number, rules: HealthRules): HealthRecord {
  const done: HealthRecord = { ...known, probeAtMs: undefined };
  switch (verdict.kind) {
    case 'works':
      return onWorks(done, nowMs);
    case 'dead':
      return onDead(done, verdict.reason, nowMs, rules);
    case 'limited':
      return onLimited(done, verdict.untilMs, nowMs, rules);
    case 'unsure':
      return onUnsure(done, nowMs, rules);
  }
}

/** Another sidecar looks after it; what that one finds out comes as its word. */
export function onOthersTurn(known: HealthRecord, nowMs: number, rules: HealthRules): HealthRecord {
  if (known.state !== 'dead') return known;
  return { ...known, probes: known.probes + 1, probeAtMs: nextProbeMs(known, nowMs, rules) };
}

/** Whoever probes it says each time what came of it. Nobody has for too long: the turn is not to be waited for. */
export function mayLeaveToOthers(known: HealthRecord, nowMs: number, { maxProbeMs }: HealthRules): boolean {
  return known.state === 'dead' && nowMs - known.atMs <= 1.5 * maxProbeMs;
}

function onWorks(known: HealthRecord, nowMs: number): HealthRecord {
  if (known.state === 'dead') return enter(known, 'ok', 'probe_accepted', nowMs);
  // Out of credit, the list of models is still shown: only a request can tell.
  if (known.state === 'throttled') return known;
  const alarmed = afterFalseAlarm(known, nowMs);
  return known.state === 'suspect' ? enter(alarmed, 'ok', 'probe_accepted', nowMs) : alarmed;
}

function afterFalseAlarm(known: HealthRecord, nowMs: number): HealthRecord {
  const before = nowMs - known.falseAlarmMs < dampedMs ? known.falseAlarms : 0;
  return { ...known, falseAlarms: before + 1, falseAlarmMs: nowMs };
}

function onDead(known: HealthRecord, reason: string, nowMs: number, rules: HealthRules): HealthRecord {
  const probeAtMs = nextProbeMs(known, nowMs, rules);
  const { coolDownMs, maxCoolDownMs, random } = rules;
  const untilMs = nowMs + growing(coolDownMs, maxCoolDownMs, 0, random);
  if (known.state === 'dead') {
    const seen = { ...known, atMs: nowMs, probes: known.probes + 1, probeAtMs };
    // Of hearsay the time is how long it is believed, not when it is tried.
    return known.firsthand ? seen : { ...seen, firsthand: true, coolDowns: 1, untilMs };
  }
  return { ...enter(known, 'dead', reason, nowMs), coolDowns: 1, falseAlarms: 0, falseAlarmMs: 0, untilMs, probeAtMs };
}

function onLimited(known: HealthRecord, untilMs: number | undefined, nowMs: number, rules: HealthRules): HealthRecord {
  if (known.state === 'throttled') return known;
  // A dead one that is limited now is not dead: it is known again.
  if (untilMs === undefined) return coolDown(known, 'limited_without_a_hint', nowMs, rules);
  return { ...enter(known, 'throttled', 'rate_limited', nowMs), untilMs };
}

function onUnsure(known: HealthRecord, nowMs: number, rules: HealthRules): HealthRecord {
  if (known.state === 'dead') {
    return { ...known, probes: known.probes + 1, probeAtMs: nextProbeMs(known, nowMs, rules) };
  }
  if (known.state === 'throttled') return known;
  // Whoever asks for nothing, must not ask without pause.
  if (known.state !== 'suspect') return afterFalseAlarm(known, nowMs);
  if (known.probes + 1 >= maxUnsure) {
    // Probes do not get through from here: for a while nobody asks them, and what is no proof does not count.
    const unprobed = { ...known, distrustProbesUntilMs: nowMs + unreachableMs };
    return known.needsBody
      ? enter(afterFalseAlarm(unprobed, nowMs), 'ok', 'probe_without_an_answer', nowMs)
      : coolDown(unprobed, known.reason, nowMs, rules);
  }
  return { ...known, probes: known.probes + 1, probeAtMs: nowMs + 1_000 * 2 ** known.probes };
}

export function nextProbeMs(known: HealthRecord, nowMs: number, rules: HealthRules): number {
  return nowMs + growing(rules.probeMs, rules.maxProbeMs, known.state === 'dead' ? known.probes : 0, rules.random);
}
