import type { ConsumerSpec } from '../core/resources.ts';
import type { ConsumerEntry } from '../core/snapshot.ts';

/** What consumers of the same groups and labels have in common, kept once. */
export interface ConsumerProfiles {
  of(spec: ConsumerSpec): Pick<ConsumerEntry, 'groups' | 'labels' | 'subjects'>;
}

export interface ConsumerProfilesOptions {
  /** Profiles remembered; beyond them it begins anew, and entries share less. */
  readonly maxKept: number;
  readonly subjectsOf: (groups: readonly string[], labels: Readonly<Record<string, string>>) => readonly string[];
}

export function createConsumerProfiles({ maxKept, subjectsOf }: ConsumerProfilesOptions): ConsumerProfiles {
  const kept = new Map<string, ReturnType<ConsumerProfiles['of']>>();
  return {
    of({ groups, labels }) {
      const key = JSON.stringify([groups, labels]);
      const known = kept.get(key);
      if (known !== undefined) return known;
      const profile = { groups, labels, subjects: subjectsOf(groups, labels) };
      if (kept.size >= maxKept) kept.clear();
      kept.set(key, profile);
      return profile;
    },
  };
}
