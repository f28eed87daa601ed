import { createPrivateKey, randomUUID, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { CredentialFlowError } from '../../core/error.ts';
import type { IntrospectionSpec, SecretReference } from '../../core/resources.ts';
import type { Secret } from '../../core/secret.ts';

/** What a request carries so that the issuer knows who asks. */
export interface ShownClient {
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

/** Shows the client anew with each request: an assertion is good for one. `nowMs` since the epoch. */
export type ShowClient = (nowMs: number) => ShownClient | Promise<ShownClient>;

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const assertionSeconds = 60;
const minRsaBits = 2_048;
const curves: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** Rejects where the secret or the key cannot be had, or is none, with a reason fit for the log. */
export async function readClient(
  spec: IntrospectionSpec,
  issuer: string,
  resolveSecret: (reference: SecretReference) => Promise<Secret>,
): Promise<ShowClient> {
  const { auth, client_id: id, client_secret: secret, client_key: key } = spec;
  if (auth === 'private_key_jwt') {
    if (key === undefined) throw failure('there is no client_key');
    return assertionOf(readKey((await resolveSecret(key)).reveal()), id, spec.assertion_audience ?? issuer);
  }
  if (secret === undefined) throw failure('there is no client_secret');
  return secretOf(auth, id, (await resolveSecret(secret)).reveal().trim());
}

/** RFC 6749, section 2.3.1. */
function secretOf(auth: 'basic' | 'post', id: string, secret: string): ShowClient {
  if (auth === 'post') return () => ({ headers: {}, fields: { client_id: id, client_secret: secret } });
  // Both are encoded as in a form first.
  const basic = Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64');
  return () => ({ headers: { authorization: `Basic ${basic}` }, fields: {} });
}

interface ClientKey {
  readonly key: KeyObject;
  readonly alg: string;
  readonly kid: string | undefined;
}

/** RFC 7523, section 3. */
function assertionOf({ key, alg, kid }: ClientKey, id: string, audience: string): ShowClient {
  return async (nowMs) => {
    const issuedAt = Math.floor(nowMs / 1_000);
    const assertion = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + assertionSeconds)
      .sign(key);
    return {
      headers: {},
      fields: { client_id: id, client_assertion_type: assertionType, client_assertion: assertion },
    };
  };
}

/** PEM, or a JWK that may say its `alg` and `kid`. */
function readKey(text: string): ClientKey {
  const jwk = text.trimStart().startsWith('{') ? parseObject(text) : undefined;
  const { alg, kid } = jwk ?? {};
  const key = toPrivateKey(jwk === undefined ? { key: text, format: 'pem' } : { key: jwk, format: 'jwk' });
  const possible = algorithmsOf(key);
  const chosen = typeof alg === 'string' ? alg : possible[0];
  if (chosen === undefined || !possible.includes(chosen)) {
    throw failure(
      'its client_key is of a kind that cannot sign (RSA of 2048 bits, EC P-256, P-384, P-521, Ed25519 can)',
    );
  }
  return { key, alg: chosen, kid: typeof kid === 'string' ? kid : undefined };
}

function toPrivateKey(input: Parameters<typeof createPrivateKey>[0]): KeyObject {
  try {
    return createPrivateKey(input);
  } catch {
    throw failure('its client_key is no private key: it must be PEM without a passphrase, or a JWK');
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw failure('its client_key begins like a JWK and is no JSON');
  }
}

/** The usual one first. */
function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  switch (type) {
    case 'rsa':
      return (details?.modulusLength ?? 0) < minRsaBits ? [] : ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ec': {
      const alg = curves[details?.namedCurve ?? ''];
      return alg === undefined ? [] : [alg];
    }
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}

function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function failure(message: string): CredentialFlowError {
  return new CredentialFlowError('internal', message);
}
