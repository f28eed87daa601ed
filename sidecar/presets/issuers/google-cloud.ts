import type { IssuerPreset } from '../../core/issuer-preset.ts';

/** Identity tokens of service accounts, from the metadata server or `gcloud auth print-identity-token --include-email`. */
export const googleCloud: IssuerPreset = {
  id: 'google-cloud',
  title: 'Google Cloud',
  issuer: 'https://accounts.google.com',
  algorithms: ['RS256'],
  consumer: 'google-${email}',
  groups: [],
  pinOneOf: ['email', 'sub'],
  allowPrivate: false,
};
