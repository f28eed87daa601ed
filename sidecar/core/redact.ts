/** The last net under logs and audit lines: what looks like a token or a bearer value is cut out, wherever it stands. */

const tokenPrefix = 'cf_';
/** As secret scanners find our tokens. */
const tokenPattern = /\bcf_[A-Za-z0-9_-]{16,}/g;
/** A JWT: what begins like the base64url of `{"`, a dot, and more. */
const jwtPrefix = 'eyJ';
const jwtPattern = /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g;
const schemeHint = /bearer|basic/i;
const schemePattern = /\b(bearer|basic)(\s+|%20)[A-Za-z0-9._~+/=%-]{6,}/gi;

/** Returns `text` itself where there is nothing to cut; that must cost next to nothing (audit lines). */
export function redact(text: string): string {
  const withoutTokens = text.includes(tokenPrefix) ? text.replace(tokenPattern, 'cf_[redacted]') : text;
  const clean = withoutTokens.includes(jwtPrefix) ? withoutTokens.replace(jwtPattern, 'eyJ[redacted]') : withoutTokens;
  return schemeHint.test(clean) ? clean.replace(schemePattern, '$1 [redacted]') : clean;
}
