import type { IssuerPreset } from '../../core/issuer-preset.ts';
import { githubActions } from './github-actions.ts';

/** Every issuer of workload identities that we know. A new one is its file and its line here. */
export const issuerPresets: ReadonlyMap<string, IssuerPreset> = new Map(
  [githubActions].map((preset) => [preset.id, preset]),
);
