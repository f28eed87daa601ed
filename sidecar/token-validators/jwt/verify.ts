import { errors, jwtVerify, type JWTVerifyOptions } from 'jose';
import { readClaim, textsOf, type Claims } from '../../core/claims.ts';
import type { DenialCode } from '../../core/codes.ts';
import type { IssuerEntry } from '../../core/snapshot.ts';
import type { VerificationKey } from './verification-keys.ts';

export interface VerifiedToken {
  readonly claims: Claims;
  readonly key: VerificationKey;
}

export interface RefusedToken {
  readonly deny: DenialCode;
  /** For the log; a claim's value is never in it. */
  readonly claim?: string | undefined;
}

/** Signature first, then what the claims say at `nowMs`. The key decides which algorithm may be used, never the token. */
export async function verifyToken(
  token: string,
  alg: string,
  candidates: readonly VerificationKey[],
  issuer: IssuerEntry,
  nowMs: number,
): Promise<VerifiedToken | RefusedToken> {
  const { spec } = issuer;
  const options: JWTVerifyOptions = {
    algorithms: [alg],
    issuer: spec.issuer,
    audience: [...spec.audience],
    requiredClaims: ['exp', ...(spec.max_age_ms === undefined ? [] : ['iat'])],
    clockTolerance: Math.ceil(spec.clock_tolerance_ms / 1_000),
    currentDate: new Date(nowMs),
    ...(spec.max_age_ms === undefined ? {} : { maxTokenAge: Math.ceil(spec.max_age_ms / 1_000) }),
    ...(spec.typ === 'any' ? {} : { typ: spec.typ }),
  };
  let refused: RefusedToken = { deny: 'token_key_unknown' };
  for (const key of candidates) {
    const material = key.byAlgorithm.get(alg);
    if (material === undefined) continue;
    try {
      const { payload } = await jwtVerify(token, material, options);
      return checkClaims(payload, issuer, nowMs) ?? { claims: payload, key };
    } catch (error) {
      refused = reasonOf(error);
      // Another key of the same name may fit; what the claims say, it would say as well.
      if (refused.deny !== 'token_signature_invalid') return refused;
    }
  }
  return refused;
}

/** What jose does not look at. */
export function checkClaims(claims: Claims, issuer: IssuerEntry, nowMs: number): RefusedToken | undefined {
  const { iat, jti, sub, cnf, token_type: type } = claims;
  if (iat !== undefined && typeof iat !== 'number') return { deny: 'token_claims_refused', claim: 'iat' };
  if (iat !== undefined && iat * 1_000 > nowMs + issuer.spec.clock_tolerance_ms) {
    return { deny: 'token_not_yet_valid', claim: 'iat' };
  }
  for (const [claim, value] of Object.entries({ jti, sub })) {
    if (value !== undefined && typeof value !== 'string') return { deny: 'token_claims_refused', claim };
  }
  if (issuer.spec.bound_tokens === 'refuse') {
    if (cnf !== undefined) return { deny: 'token_bound', claim: 'cnf' };
    // An issuer that is asked says it so, too (RFC 9449, section 6.2).
    if (typeof type === 'string' && type.toLowerCase() === 'dpop') return { deny: 'token_bound', claim: 'token_type' };
  }
  for (const { path, oneOf } of issuer.requiredClaims) {
    const value = readClaim(claims, path);
    const fits =
      oneOf.size === 0 ? value !== undefined && value !== null : textsOf(value).some((text) => oneOf.has(text));
    if (!fits) return { deny: 'token_claims_refused', claim: path.join('.') };
  }
  return undefined;
}

function reasonOf(error: unknown): RefusedToken {
  if (error instanceof errors.JWTExpired) {
    return { deny: error.claim === 'iat' ? 'token_too_old' : 'token_expired', claim: error.claim };
  }
  if (error instanceof errors.JWTClaimValidationFailed) return { deny: codeOfClaim(error), claim: error.claim };
  if (error instanceof errors.JOSEAlgNotAllowed) return { deny: 'token_algorithm_refused' };
  if (error instanceof errors.JOSENotSupported) return { deny: 'token_header_refused' };
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return { deny: 'token_malformed' };
  // A signature that does not even have the form of one is refused by the platform in words of its own.
  return { deny: 'token_signature_invalid' };
}

function codeOfClaim({ claim, reason }: errors.JWTClaimValidationFailed): DenialCode {
  switch (claim) {
    case 'aud':
      return 'token_audience_wrong';
    case 'typ':
      return 'token_type_refused';
    case 'iat':
      return reason === 'missing'
        ? 'token_too_old'
        : reason === 'invalid'
          ? 'token_claims_refused'
          : 'token_not_yet_valid';
    case 'nbf':
      return reason === 'invalid' ? 'token_claims_refused' : 'token_not_yet_valid';
    default:
      return 'token_claims_refused';
  }
}
