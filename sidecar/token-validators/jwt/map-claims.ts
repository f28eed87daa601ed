import { asIdPart, expandTemplate, maxNames, readClaim, wordsOf, type Claims } from '../../core/claims.ts';
import type { TokenFacts } from '../../core/ports.ts';
import { revocationKey } from '../../core/revocations.ts';
import type { IssuerEntry } from '../../core/snapshot.ts';
import type { RefusedToken } from './verify.ts';

/** About the last moment that a Date can name. */
const endOfTimeMs = 8.64e15 - 300_000;
const maxConsumerLength = 200;
/** As a resource may name groups; no policy can mean another one. */
const groupName = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/;

/** Verified claims → facts, by what the issuer's resource says. */
export function mapClaims(claims: Claims, tokenId: string, issuer: IssuerEntry): TokenFacts | RefusedToken {
  const consumers = expandTemplate(issuer.consumer, claims, asIdPart);
  const [consumer = ''] = consumers;
  if (consumers.length !== 1 || consumer === '' || consumer.length > maxConsumerLength) {
    return { deny: 'token_claims_refused', claim: 'consumer' };
  }
  // A list that is cut off could lack the group that a policy denies.
  const groups = issuer.groups.flatMap((template) => expandTemplate(template, claims));
  if (groups.length > maxNames) return { deny: 'token_claims_refused', claim: 'groups' };
  const scopes = issuer.scopes.flatMap((path) => wordsOf(readClaim(claims, path)));
  if (scopes.length > maxNames) return { deny: 'token_claims_refused', claim: 'scopes' };
  const { spec } = issuer;
  const issuedAtMs = secondsOf(claims, 'iat', 0);
  const ageEndMs = spec.max_age_ms === undefined ? endOfTimeMs : issuedAtMs + spec.max_age_ms;
  return {
    tokenId,
    // No id of a resource has a slash: who is not listed never becomes one that is.
    consumerId: issuer.unlisted === undefined ? consumer : `${issuer.id}/${consumer}`,
    notBeforeMs: Math.max(0, secondsOf(claims, 'nbf', 0) - spec.clock_tolerance_ms),
    expiresAtMs: Math.min(secondsOf(claims, 'exp', 0), ageEndMs, endOfTimeMs) + spec.clock_tolerance_ms,
    revokedAtMs: 0,
    issued: {
      issuer,
      claims,
      groups: [...new Set(groups)].filter((name) => groupName.test(name)),
      scopes: [...new Set(scopes)],
      issuedAtMs,
      revocationKeys: keysOf(claims, tokenId, issuer.id),
    },
  };
}

function secondsOf(claims: Claims, name: string, otherwise: number): number {
  const value = claims[name];
  return typeof value === 'number' ? value * 1_000 : otherwise;
}

function keysOf({ jti, sub }: Claims, tokenId: string, issuerId: string): readonly string[] {
  return [
    revocationKey.everyIssuer,
    revocationKey.issuer(issuerId),
    revocationKey.token(issuerId, tokenId),
    ...(typeof jti === 'string' ? [revocationKey.jti(issuerId, jti)] : []),
    ...(typeof sub === 'string' ? [revocationKey.subject(issuerId, sub)] : []),
  ];
}
