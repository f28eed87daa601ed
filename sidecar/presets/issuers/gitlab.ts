import type { IssuerPreset } from '../../core/issuer-preset.ts';

/** Jobs with `id_tokens:`; an instance of your own has its own `issuer`. GitLab, "OpenID Connect authentication using ID tokens". */
export const gitlab: IssuerPreset = {
  id: 'gitlab',
  title: 'GitLab CI',
  issuer: 'https://gitlab.com',
  algorithms: ['RS256'],
  consumer: 'gitlab-${project_path}',
  groups: ['gitlab:${namespace_path}'],
  pinOneOf: ['project_path', 'project_id', 'namespace_path', 'namespace_id', 'sub'],
  allowPrivate: false,
};
