import type { RevocationSpec } from './resources.ts';
import type { Table } from './table.ts';

/** Key → what is revoked under it. Asked at each decision for the few keys under which a token may be found. */
export type RevocationIndex = Table<readonly RevocationRule[]>;

export interface RevocationRule {
  readonly id: string;
  /** Tokens issued before this are meant; Infinity: all. Milliseconds since the epoch. */
  readonly issuedBeforeMs: number;
  readonly expiresAtMs: number;
  /** All must be among the token's own keys. */
  readonly keys: readonly string[];
}

/** Ids of issuers have no space, so that no claim can be read as another key. */
export const revocationKey = {
  everyIssuer: '*',
  issuer: (issuerId: string) => issuerId,
  token: (issuerId: string, tokenId: string) => `${issuerId} token ${tokenId}`,
  jti: (issuerId: string, jti: string) => `${issuerId} jti ${jti}`,
  subject: (issuerId: string, subject: string) => `${issuerId} sub ${subject}`,
} as const;

export function compileRevocation(id: string, spec: RevocationSpec): RevocationRule {
  const { issuer, token, jti, subject, issued_before: before, expires_at: until } = spec;
  const keys = [
    ...(token === undefined ? [] : [revocationKey.token(issuer, token)]),
    ...(jti === undefined ? [] : [revocationKey.jti(issuer, jti)]),
    ...(subject === undefined ? [] : [revocationKey.subject(issuer, subject)]),
  ];
  return {
    id,
    keys: keys.length > 0 ? keys : [revocationKey.issuer(issuer)],
    issuedBeforeMs: before === undefined ? Infinity : Date.parse(before),
    expiresAtMs: until === undefined ? Infinity : Date.parse(until),
  };
}

export function isRevoked(
  index: RevocationIndex,
  token: { readonly revocationKeys: readonly string[]; readonly issuedAtMs: number },
  nowMs: number,
): boolean {
  if (index.size === 0) return false;
  const { revocationKeys, issuedAtMs } = token;
  for (const key of revocationKeys) {
    for (const rule of index.get(key) ?? []) {
      const isMeant = issuedAtMs < rule.issuedBeforeMs && rule.keys.every((wanted) => revocationKeys.includes(wanted));
      if (isMeant && nowMs < rule.expiresAtMs) return true;
    }
  }
  return false;
}
