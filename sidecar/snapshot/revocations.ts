import type { RevocationSpec } from '../core/resources.ts';
import type { RevocationIndex, RevocationRule } from '../core/revocations.ts';
import type { Table } from '../core/table.ts';
import { createDraft } from './draft.ts';
import type { Pace } from './pace.ts';

export interface CompiledRevocation {
  readonly spec: RevocationSpec;
  readonly rule: RevocationRule;
}

/** A deny-list in the making: costs what the changes cost, however long it is. */
export interface RevocationDraft {
  set(id: string, revocation: CompiledRevocation | undefined): void;
  finish(pace: Pace): Promise<{
    readonly revocations: Table<CompiledRevocation>;
    readonly revocationsByKey: RevocationIndex;
  }>;
}

export function createRevocationDraft(
  previous: Table<CompiledRevocation> | undefined,
  previousByKey: RevocationIndex | undefined,
): RevocationDraft {
  const revocations = createDraft(previous);
  const byKey = createDraft(previousByKey);
  return {
    set(id, revocation) {
      const before = revocations.get(id)?.rule;
      if (before !== undefined) put(before, []);
      if (revocation !== undefined) put(revocation.rule, [revocation.rule]);
      if (before !== undefined || revocation !== undefined) revocations.set(id, revocation);
    },
    finish: async (pace) => ({
      revocations: await revocations.finish(pace),
      revocationsByKey: await byKey.finish(pace),
    }),
  };

  /** Under its first key only: a token has all of them, or is not meant. */
  function put({ id, keys: [key = ''] }: RevocationRule, now: readonly RevocationRule[]): void {
    const others = (byKey.get(key) ?? []).filter((rule) => rule.id !== id);
    const rules = [...others, ...now].sort((a, b) => (a.id < b.id ? -1 : 1));
    byKey.set(key, rules.length === 0 ? undefined : rules);
  }
}
