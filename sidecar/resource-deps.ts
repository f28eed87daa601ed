import { checkInjection, createInjector } from './injectors/index.ts';
import { presets } from './presets/index.ts';
import { issuerPresets } from './presets/issuers/index.ts';
import type { ResourceDeps } from './resources/kind.ts';
import { checkSecretReference } from './secret-managers/index.ts';

/** What the families know about resource documents: here they meet, for the sidecar, its parse thread and the CLI. */
export const resourceDeps: ResourceDeps = {
  presets,
  issuerPresets,
  secretKinds: checkSecretReference,
  injectionProblems: checkInjection,
  injectedHeaders: (spec) => (checkInjection(spec).length === 0 ? createInjector(spec).headers : []),
};
