import type { IssuerPreset } from '../../core/issuer-preset.ts';
import { buildkite } from './buildkite.ts';
import { circleci } from './circleci.ts';
import { githubActions } from './github-actions.ts';
import { gitlab } from './gitlab.ts';
import { googleCloud } from './google-cloud.ts';
import { kubernetes } from './kubernetes.ts';

/** Every issuer of workload identities that we know. A new one is its file and its line here. */
export const issuerPresets: ReadonlyMap<string, IssuerPreset> = new Map(
  [kubernetes, githubActions, gitlab, circleci, buildkite, googleCloud].map((preset) => [preset.id, preset]),
);
