import type { DenialCode } from '../../core/codes.ts';
import { decodeObject } from './strict-json.ts';

/** What a token says of itself. Nothing of it is true before the signature has been checked. */
export interface UnverifiedToken {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly iss: string;
  /** Header and payload as they were signed. */
  readonly signed: string;
}

const maxKidLength = 256;

/**
 * Reads header and payload. `jku`, `x5u`, `jwk` and `x5c` are not looked at: keys come from the issuer's resource, never
 * from a token (RFC 8725, section 3.10).
 */
export function readToken(token: string): UnverifiedToken | { readonly deny: DenialCode } {
  const [head = '', body = '', signature = ''] = token.split('.');
  const header = decodeObject(head);
  if (header === undefined) return { deny: 'token_malformed' };
  const { alg, kid } = header;
  if (typeof alg !== 'string') return { deny: 'token_malformed' };
  if ('crit' in header || 'b64' in header || 'enc' in header || 'zip' in header)
    return { deny: 'token_header_refused' };
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > maxKidLength)) {
    return { deny: 'token_header_refused' };
  }
  const claims = decodeObject(body);
  if (claims === undefined || !/^[A-Za-z0-9_-]*$/.test(signature)) return { deny: 'token_malformed' };
  const { iss } = claims;
  if (typeof iss !== 'string') return { deny: 'issuer_unknown' };
  return { alg, kid, iss, signed: `${head}.${body}` };
}
