import type { SharedHealth } from '../core/health.ts';
import type { HealthRecord, HealthRules } from './health-record.ts';
import { enter } from './on-evidence.ts';
import { nextProbeMs } from './on-probe.ts';

/** What lies further ahead of our clock was written by one that is wrong, and would win over everything to come. */
const maxAheadMs = 30_000;
/** Share of a wait by which sidecars spread the trial at its end. */
const staggered = 0.3;
/** How long the sidecar that suspects a credential gets to find out before this one asks too. */
const othersProbeMs = 3_000;
/** How long a suspicion of another sidecar counts that this one cannot look into. */
const suspicionMs = 30_000;

/**
 * What another sidecar says. The newest wins; what this one sees itself later always counts. It is believed for as long
 * as it is said: the other one may be gone before it could take it back.
 */
export function onWord(known: HealthRecord, word: SharedHealth, nowMs: number, rules: HealthRules): HealthRecord {
  if (word.atMs <= known.atMs || word.atMs > nowMs + maxAheadMs || word.state === 'unknown') return known;
  const { state, reason, atMs, needsTrial } = word;
  const probeAtMs = nextProbeOf(known, word, nowMs, rules);
  // Seen once more elsewhere: nobody needs to look for a while. What this one saw itself stays its own.
  if (state === known.state && known.firsthand && state !== 'throttled') return { ...known, atMs, probeAtMs };
  const untilMs = endOf(word, nowMs, rules);
  if (state === known.state && state !== 'throttled') return { ...known, atMs, probeAtMs, untilMs };
  const entered = state === known.state ? { ...known, reason } : enter(known, state, reason, nowMs);
  const sinceMs = Math.min(word.sinceMs, nowMs);
  return { ...entered, sinceMs, atMs, untilMs, needsTrial, firsthand: false, probeAtMs };
}

function nextProbeOf(known: HealthRecord, word: SharedHealth, nowMs: number, rules: HealthRules): number | undefined {
  if (!rules.canProbe) return undefined;
  if (word.state === 'dead') return nextProbeMs(known, nowMs, rules);
  return word.state === 'suspect' ? nowMs + othersProbeMs * (0.8 + 0.4 * rules.random()) : undefined;
}

function endOf({ state, untilMs, needsTrial }: SharedHealth, nowMs: number, rules: HealthRules): number {
  if (state === 'suspect') return nowMs + suspicionMs;
  // Who calls it dead probes it, and says so again.
  if (state === 'dead') return nowMs + 2 * rules.maxProbeMs;
  // Not all at once: the first trial's news reaches those whose turn comes later.
  return needsTrial ? untilMs + Math.max(0, untilMs - nowMs) * staggered * rules.random() : untilMs;
}
