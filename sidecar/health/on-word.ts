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

/** What another sidecar says. The newest wins; what this one sees itself later always counts. */
export function onWord(known: HealthRecord, word: SharedHealth, nowMs: number, rules: HealthRules): HealthRecord {
  if (word.atMs <= known.atMs || word.atMs > nowMs + maxAheadMs || word.state === 'unknown') return known;
  const probeAtMs = nextProbeOf(known, word, nowMs, rules);
  // Seen once more elsewhere: nobody needs to look for a while.
  if (isTheSame(known, word)) return { ...known, atMs: word.atMs, probeAtMs };
  const { state, reason, atMs, needsTrial } = word;
  // Not all at once: the first trial's news reaches those whose turn comes later.
  const waitMs = Math.max(0, word.untilMs - nowMs);
  const untilMs = word.untilMs + (needsTrial ? waitMs * staggered * rules.random() : 0);
  const entered = enter(known, state, reason, nowMs);
  const firsthand = state !== 'dead';
  const sinceMs = Math.min(word.sinceMs, nowMs);
  return { ...entered, sinceMs, atMs, untilMs, needsTrial, firsthand, probeAtMs, probes: known.probes };
}

function nextProbeOf(known: HealthRecord, word: SharedHealth, nowMs: number, rules: HealthRules): number | undefined {
  if (!rules.canProbe) return undefined;
  if (word.state === 'dead') return nextProbeMs(known, nowMs, rules);
  return word.state === 'suspect' ? nowMs + othersProbeMs * (0.8 + 0.4 * rules.random()) : undefined;
}

/** Each sidecar has trials of its own of what is dead; a pause is the same for all. */
function isTheSame(known: HealthRecord, word: SharedHealth): boolean {
  if (word.state !== known.state) return false;
  return word.state !== 'throttled' || word.untilMs === known.untilMs;
}
