import type { CredentialHealth } from '../core/health.ts';

/** All that is known of one credential version. Never changed in place: each event makes the next. */
export interface HealthRecord extends CredentialHealth {
  /** A word for operators; bounded, not secret. */
  readonly reason: string;
  /** When the state was last seen to hold; wall clock, milliseconds. */
  readonly atMs: number;
  /** When a probe is due; wall clock; undefined: none. */
  readonly probeAtMs: number | undefined;
  /** Probes in a row that did not bring it back. */
  readonly probes: number;
  /** Cool-downs in a row that nobody told the length of. */
  readonly coolDowns: number;
  /** Of a suspect: what was seen is no proof by itself. */
  readonly needsBody: boolean;
  /** Suspicions in a row that a probe did not confirm, and when the last of them was. */
  readonly falseAlarms: number;
  readonly falseAlarmMs: number;
  /** Until then a probe's "dead" is not believed: requests worked all the same. */
  readonly distrustProbesUntilMs: number;
  /** Recent share of requests that failed, and how many were heard of (at most {@link enoughHeard}). */
  readonly failing: number;
  readonly heard: number;
}

export const enoughHeard = 5;

/** How long a suspicion that turned out wrong keeps the next one from taking the credential out; milliseconds. */
export const dampedMs = 60_000;

export const unknownHealth: HealthRecord = Object.freeze({
  state: 'unknown',
  sinceMs: 0,
  untilMs: 0,
  needsTrial: false,
  firsthand: true,
  reason: '',
  atMs: 0,
  probeAtMs: undefined,
  probes: 0,
  coolDowns: 0,
  needsBody: false,
  falseAlarms: 0,
  falseAlarmMs: 0,
  distrustProbesUntilMs: 0,
  failing: 0,
  heard: 0,
});

/** What the steps from one record to the next need to know. */
export interface HealthRules {
  /** First cool-down where nobody says how long; it doubles up to the longest. Milliseconds. */
  readonly coolDownMs: number;
  readonly maxCoolDownMs: number;
  /** Between the first two probes of a credential that is out; it doubles up to the longest. Milliseconds. */
  readonly probeMs: number;
  readonly maxProbeMs: number;
  /** Whether this credential can be probed at all. */
  readonly canProbe: boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

/** `first`, doubled `times` times, at most `longest`; spread by a fifth to both sides so that sidecars do not act as one. */
export function growing(first: number, longest: number, times: number, random: () => number): number {
  return Math.min(first * 2 ** Math.min(times, 30), longest) * (0.8 + 0.4 * random());
}
