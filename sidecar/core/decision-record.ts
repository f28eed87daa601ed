/** What is remembered of a decision: enough to explain it and to judge it by other policies. No query, no secret. */
export interface DecisionRecord {
  readonly id: string;
  readonly atMs: number;
  /** `allow`, or the code of the denial. */
  readonly outcome: string;
  readonly requestId: string;
  readonly gateway: string;
  readonly upstream: string;
  readonly method: string;
  /** As it reached the upstream, prefix or base path included. */
  readonly path: string;
  /** Whether the path is one that the gateway rewrote: it starts with the base path then. */
  readonly rewritten: boolean;
  readonly consumer: string;
  readonly token: string;
  readonly scopes: readonly string[] | undefined;
  readonly policy: string;
  readonly credentialVersion: string;
  /** Of another issuer's token; undefined: it was one of ours, or none was known. */
  readonly issued: IssuedRecord | undefined;
  /** What conditions may read of the client's request: `x-forwarded-for`, `x-cf-arg-…`, listed headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a token of an issuer said that policies and the deny-list ask for. */
export interface IssuedRecord {
  /** Id of the issuer. */
  readonly issuer: string;
  /** Undefined: they were too many to remember. */
  readonly groups: readonly string[] | undefined;
  readonly scopes: readonly string[];
  readonly issuedAtMs: number;
  readonly revocationKeys: readonly string[];
}
