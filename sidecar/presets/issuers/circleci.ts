import type { IssuerPreset } from '../../core/issuer-preset.ts';

/**
 * Jobs with `$CIRCLE_OIDC_TOKEN`. The issuer is the organization's own, `https://oidc.circleci.com/org/<organization id>`,
 * and the usual audience is that id. CircleCI, "OpenID Connect tokens in jobs".
 */
export const circleci: IssuerPreset = {
  id: 'circleci',
  title: 'CircleCI',
  consumer: 'circleci-${oidc\\.circleci\\.com/project-id}',
  groups: ['circleci:${oidc\\.circleci\\.com/project-id}'],
  pinOneOf: [],
  allowPrivate: false,
};
