import type { InjectionSpec, TokenSlot } from './resources.ts';

/**
 * What is known of one API, as pure data. Adding an API is one file in presets/ and one line in its index.
 * Source of the figures: apisix facts, section 9, and the providers' SDKs.
 */
export interface Preset {
  readonly id: string;
  readonly title: string;
  /** Absent: the resource must name its `base_url`. */
  readonly baseUrl?: string;
  /** Where this API's SDKs put the key; in order of preference. */
  readonly tokenSlots: readonly TokenSlot[];
  /** Query parameters that carry keys of this API: a request with one is refused (it would be logged). */
  readonly queryKeys: readonly string[];
  readonly injection: InjectionSpec;
  /** True where the server may need no secret (a credential without `secret`, or none at all, is allowed). */
  readonly secretOptional: boolean;
  /** Headers beyond the common ones that choose who pays or what is done; emptied unless a credential pins them. */
  readonly steeringHeaders: readonly string[];
  readonly denialBodies: DenialBodies;
  /** Response headers of the API that carry its request id and its rate limits; lower case. */
  readonly responseHeaders: { readonly requestId?: string; readonly rateLimit: readonly string[] };
  /** What tells that a credential is dead (revoked, out of credit), not just busy. */
  readonly deadKey: readonly DeadKeyRule[];
  readonly probe: ProbeRequest;
}

/** A cheap request that tells whether the key works. */
export interface ProbeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Beside the key's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** False: it may be answered without a key, so that nothing follows from its answer, and it is not sent. */
  readonly needsKey: boolean;
}

export interface DeadKeyRule {
  readonly status: number;
  /**
   * A string that the body must contain; absent: the status is enough. The gateway's log has no bodies: a probe of our
   * own reads this one.
   */
  readonly bodyIncludes?: string;
}

/**
 * The error body that the API's own SDK understands, by our status. JSON templates: the strings `{status}`, `{code}`,
 * `{message}` are replaced; a value that is exactly `{status}` becomes a number.
 */
export interface DenialBodies {
  readonly default: JsonTemplate;
  readonly byStatus: Readonly<Partial<Record<'400' | '401' | '403' | '429' | '503', JsonTemplate>>>;
}

export type JsonTemplate =
  string | number | boolean | null | readonly JsonTemplate[] | { readonly [key: string]: JsonTemplate };

/** Every header in which some provider's SDK sends its key. All of them are answered on every allow. */
export const tokenSlotHeaders = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;

/** Steering headers of every upstream: they would let a client act as another method or path than the policy judged. */
export const commonSteeringHeaders = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
] as const;

/** Carries the opaque id of the credential version to the gateway's log. No hyphen: `$http_x_y` can be forged (facts, 4). */
export const credentialHeader = 'cfcredential';

/** Carries the consumer's id to the gateway's own plugins where an upstream asks for it; otherwise answered empty. */
export const consumerHeader = 'cfconsumer';
