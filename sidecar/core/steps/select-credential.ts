import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import type { CredentialHealth, HealthView } from '../health.ts';
import type { CredentialVersion, UpstreamEntry } from '../snapshot.ts';
import { hash32, mix32 } from '../stable-hash.ts';

/**
 * Step 7. Of the pool's versions with a usable secret, the fittest; of several that are equally fit the consumer's own,
 * so that it stays with one (its caches, its limits) and only the consumers of a version that leaves move. Nothing is
 * offered where the upstream refuses all of them. An empty secret is a 503, never an empty slot.
 */
export function selectCredential(d: Deliberation, upstream: UpstreamEntry, health: HealthView): DenialCode | undefined {
  const pool = upstream.credentials;
  if (pool.length === 0) return 'credential_missing';
  let chosen: CredentialVersion | undefined;
  let chosenRank: number = rank.none;
  let chosenScore = 0;
  let isAnyUsable = false;
  const consumer = pool.length > 1 ? hash32(d.consumerId) : 0;
  for (const version of pool) {
    if (version.headers === undefined) continue;
    isAnyUsable = true;
    const known = health.find(version.versionId);
    const fitness = rankOf(known, version.weight, d.nowMs);
    if (fitness > chosenRank || fitness === rank.none) continue;
    // What is fit is spread; of what is not, the one that has rested longest comes first.
    const score = fitness <= rank.spare ? attraction(consumer, version) : -(known?.sinceMs ?? 0);
    if (fitness === chosenRank && score <= chosenScore) continue;
    chosen = version;
    chosenRank = fitness;
    chosenScore = score;
  }
  if (chosen === undefined) return isAnyUsable ? 'credential_dead' : 'credential_unavailable';
  d.credential = chosen;
  return undefined;
}

/** The lower, the sooner. */
const rank = { trial: 0, fit: 1, spare: 2, cooling: 3, saidDead: 4, deadTrial: 5, none: 6 } as const;

function rankOf(known: CredentialHealth | undefined, weight: number, nowMs: number): number {
  const fit = weight > 0 ? rank.fit : rank.spare;
  switch (known?.state) {
    case 'throttled':
      if (known.untilMs > nowMs) return rank.cooling;
      // One request finds out; the record of its decision ends the trial.
      return known.needsTrial && weight > 0 ? rank.trial : fit;
    case 'suspect':
      return rank.cooling;
    case 'dead':
      // Word of a cache that nobody trusts must not deny what could be served.
      if (!known.firsthand) return rank.saidDead;
      return known.untilMs <= nowMs ? rank.deadTrial : rank.none;
    default:
      return fit;
  }
}

/** Weighted rendezvous hashing: each consumer gets the version with the highest figure, in proportion to the weights. */
function attraction(consumer: number, { seed, weight }: CredentialVersion): number {
  const between0And1 = (mix32(consumer ^ seed) + 0.5) / 0x1_0000_0000;
  return Math.max(weight, 1) / -Math.log(between0And1);
}
