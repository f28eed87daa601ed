import type { IssuerSpec, SecretReference } from './resources.ts';

/** What is known of one issuer of workload identities, as pure data. A resource may say otherwise in every field. */
export interface IssuerPreset {
  readonly id: string;
  readonly title: string;
  /** Absent: the resource must say it. */
  readonly issuer?: string;
  /** Absent: found by discovery (OpenID Connect Discovery 1.0, section 4). */
  readonly jwksUrl?: string;
  /** Absent: all that fit its keys. */
  readonly algorithms?: IssuerSpec['algorithms'];
  readonly consumer: string;
  readonly groups: readonly string[];
  /** Everybody on earth gets tokens of this issuer: one of these claims must be required to be somebody's. */
  readonly pinOneOf: readonly string[];
  readonly caFile?: string;
  readonly bearer?: SecretReference;
  readonly allowPrivate: boolean;
}
