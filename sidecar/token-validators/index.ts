import type { TokenValidator } from '../core/ports.ts';
import { createJwtValidator, type JwtValidatorDeps } from './jwt.ts';
import { createOpaqueValidator, type OpaqueValidatorDeps } from './opaque.ts';

/** Every way to judge a token, in the order in which they are asked. A new one is its file and its line here. */
export function createTokenValidators(deps: OpaqueValidatorDeps & JwtValidatorDeps): readonly TokenValidator[] {
  return [createOpaqueValidator(deps), createJwtValidator(deps)];
}
