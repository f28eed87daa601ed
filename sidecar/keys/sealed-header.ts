import { decodeProtectedHeader, type CompactJWEHeaderParameters } from 'jose';
import { CredentialFlowError } from '../core/error.ts';

/** With a key of the keyring, or for the public half of one (RFC 7518, sections 4.7 and 4.6). */
export type SealingAlgorithm = 'A256GCMKW' | 'ECDH-ES';

/** Says which key opens the value (`kid`), for which resource (`cfb`) and, where it is bound to one, in which store (`cfs`). */
export function sealedHeader(
  alg: SealingAlgorithm,
  kid: string,
  binding: string,
  storeId: string | undefined,
): CompactJWEHeaderParameters {
  return { alg, enc: 'A256GCM', kid, cfb: binding, ...(storeId === undefined ? {} : { cfs: storeId }) };
}

/**
 * The header is authenticated data of the value, so whoever changes it makes the value unopenable; what is said here
 * is only why. Throws `secret_invalid`, which names the binding and the key, nothing else of the value.
 */
export function readSealedHeader(
  sealed: string,
  binding: string,
  storeId: string | undefined,
): { readonly kid: string; readonly alg: SealingAlgorithm } {
  const { kid, alg, cfb, cfs } = decode(sealed, binding);
  const isOurs = (alg === 'A256GCMKW' || alg === 'ECDH-ES') && typeof kid === 'string' && /^[a-z0-9]{1,8}$/.test(kid);
  if (!isOurs)
    throw new CredentialFlowError('secret_invalid', `the value for ${binding} is not a sealed value of ours`);
  if (cfb !== binding) {
    throw new CredentialFlowError('secret_invalid', `the value was sealed for another resource than ${binding}`);
  }
  if (cfs !== undefined && cfs !== storeId) {
    throw new CredentialFlowError('secret_invalid', `the value for ${binding} was sealed for another store`);
  }
  return { kid, alg };
}

function decode(sealed: string, binding: string): Readonly<Record<string, unknown>> {
  try {
    return decodeProtectedHeader(sealed);
  } catch {
    throw new CredentialFlowError('secret_invalid', `the value for ${binding} is not a sealed value`);
  }
}
