import { CompactEncrypt, importJWK } from 'jose';
import { CredentialFlowError } from '../core/error.ts';
import type { Secret } from '../core/secret.ts';
import { sealedHeader } from './sealed-header.ts';

/** The public half (JWK, RFC 8037) with which CI seals without being able to open. */
export type SealingKey = Readonly<{
  kty: 'OKP';
  crv: 'X25519';
  x: string;
  /** Version of the master key behind it. */
  kid: string;
}>;

/** Throws `bad_request` for anything else than a public X25519 key; a private one is refused as well. */
export function checkSealingKey(value: unknown): SealingKey {
  const { kty, crv, x, kid, d } = (value ?? {}) as Record<string, unknown>;
  if (d !== undefined) throw new CredentialFlowError('bad_request', 'this is a private key; give the public one');
  if (kty !== 'OKP' || crv !== 'X25519' || typeof x !== 'string' || typeof kid !== 'string') {
    throw new CredentialFlowError(
      'bad_request',
      'the sealing key is not what `credentialflow seal --print-key` prints',
    );
  }
  return { kty, crv, x, kid };
}

/** Seals for the installation of `key` (ECDH-ES, RFC 7518 section 4.6): opens for `binding` and, if given, `storeId` only. */
export async function sealWithPublicKey(
  key: SealingKey,
  plaintext: Secret,
  binding: string,
  storeId?: string,
): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(plaintext.reveal()))
    .setProtectedHeader(sealedHeader('ECDH-ES', key.kid, binding, storeId))
    .encrypt(await importJWK({ ...key }, 'ECDH-ES'));
}
