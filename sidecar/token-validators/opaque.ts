import type { TokenLookup, TokenValidator } from '../core/ports.ts';
import { hasTokenShape } from './opaque-token.ts';

export interface OpaqueValidatorDeps {
  readonly lookup: TokenLookup;
  /** Hex SHA-256 of a string. */
  readonly sha256: (text: string) => string;
  /** Checksum and keyed tag; asked only where L1 does not know the token. */
  readonly isGenuine: (token: string) => boolean;
}

/** Tokens that we issued. Only their hash is ever looked up or kept. */
export function createOpaqueValidator({ lookup, sha256, isGenuine }: OpaqueValidatorDeps): TokenValidator {
  return {
    kind: 'opaque',
    accepts: (token) => token.startsWith('cf_'),
    validate: (token) =>
      hasTokenShape(token) ? lookup.find(sha256(token), () => isGenuine(token)) : { deny: 'token_malformed' },
  };
}
