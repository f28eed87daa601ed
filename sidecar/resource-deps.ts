import type { ConditionReads } from './core/condition-reads.ts';
import { checkInjection, createInjector } from './injectors/index.ts';
import { createConditions } from './policies/conditions.ts';
import { presets } from './presets/index.ts';
import { issuerPresets } from './presets/issuers/index.ts';
import type { ResourceDeps } from './resources/kind.ts';
import { checkSecretReference } from './secret-managers/index.ts';
import { createAddressMatcher } from './snapshot/address-matcher.ts';

const conditions = createConditions({ createAddressMatcher });

/** What the families know about resource documents: here they meet, for the sidecar, its parse thread and the CLI. */
export const resourceDeps: ResourceDeps = {
  presets,
  issuerPresets,
  secretKinds: checkSecretReference,
  injectionProblems: checkInjection,
  injectedHeaders: (spec) => (checkInjection(spec).length === 0 ? createInjector(spec).headers : []),
  conditionProblems: conditions.problems,
};

/** What a `when` reads that the gateway must be told to pass. */
export const conditionReads: (when: string) => ConditionReads = conditions.reads;
