import type { IssuerPreset } from '../../core/issuer-preset.ts';

/** Jobs that call `buildkite-agent oidc request-token`. Buildkite, "OIDC in Buildkite Pipelines". */
export const buildkite: IssuerPreset = {
  id: 'buildkite',
  title: 'Buildkite',
  issuer: 'https://agent.buildkite.com',
  consumer: 'buildkite-${organization_slug}__${pipeline_slug}',
  groups: ['buildkite:${pipeline_slug}'],
  pinOneOf: ['organization_slug', 'organization_id', 'sub'],
  allowPrivate: false,
};
