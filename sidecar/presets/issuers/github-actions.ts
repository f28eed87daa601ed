import type { IssuerPreset } from '../../core/issuer-preset.ts';

/** Jobs with `permissions: id-token: write`. GitHub's "OpenID Connect reference". */
export const githubActions: IssuerPreset = {
  id: 'github-actions',
  title: 'GitHub Actions',
  issuer: 'https://token.actions.githubusercontent.com',
  algorithms: ['RS256'],
  consumer: 'github-${repository}',
  groups: ['github:${repository_owner}'],
  pinOneOf: [
    'repository',
    'repository_id',
    'repository_owner',
    'repository_owner_id',
    'enterprise',
    'enterprise_id',
    'sub',
  ],
  allowPrivate: false,
};
