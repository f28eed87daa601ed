import { calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from 'jose';

/** A key that tokens of one issuer may be signed with. */
export interface VerificationKey {
  readonly kid: string | undefined;
  /** Algorithm → the key for it; no other algorithm is ever used with it (RFC 8725, section 3.1). */
  readonly byAlgorithm: ReadonlyMap<string, CryptoKey | Uint8Array>;
  /** Same key, same name and same algorithms, same identity. */
  readonly identity: string;
  /** Whether its issuer still has it. What was verified with it counts as long. */
  live: boolean;
}

const maxKeys = 100;
const minSecretBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** The keys of a key set that fit the algorithms; others (encryption, types we do not know, weak ones) are left out. */
export async function readKeySet(
  keys: readonly unknown[],
  algorithms: readonly string[],
): Promise<readonly VerificationKey[]> {
  const read = await Promise.all(keys.slice(0, maxKeys).map((key) => readKey(key, algorithms)));
  return read.filter((key) => key !== undefined);
}

async function readKey(value: unknown, algorithms: readonly string[]): Promise<VerificationKey | undefined> {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kty, crv, x, y, n, e, kid, alg, use, key_ops: operations } = value as JWK;
  const isForSignatures = (use ?? 'sig') === 'sig' && (operations?.includes('verify') ?? true);
  if (!isForSignatures || (kid !== undefined && typeof kid !== 'string')) return undefined;
  const usable = algorithmsOf(kty, crv).filter((name) => algorithms.includes(name) && (alg ?? name) === name);
  if (kty === 'OKP' && isSmallOrder(x)) return undefined;
  // Only the public part, whatever else was published.
  const jwk = { kty, crv, x, y, n, e } as JWK;
  const byAlgorithm = new Map<string, CryptoKey>();
  try {
    for (const name of usable) {
      const key = (await importJWK(jwk, name)) as CryptoKey;
      // RFC 7518, section 3.3.
      if ('modulusLength' in key.algorithm && Number(key.algorithm.modulusLength) < 2_048) return undefined;
      byAlgorithm.set(name, key);
    }
    if (byAlgorithm.size === 0) return undefined;
    const identity = JSON.stringify([kid, await calculateJwkThumbprint(jwk), usable]);
    return { kid, byAlgorithm, identity, live: true };
  } catch {
    return undefined;
  }
}

/** Undefined where the secret is too short for one of them (RFC 7518, section 3.2). */
export function readSecretKey(
  secret: string,
  algorithms: readonly string[],
  sha256: (text: string) => string,
): VerificationKey | undefined {
  const bytes = new TextEncoder().encode(secret);
  if (algorithms.some((name) => bytes.length < (minSecretBytes[name] ?? Infinity))) return undefined;
  const byAlgorithm = new Map(algorithms.map((name) => [name, bytes]));
  return { kid: undefined, byAlgorithm, identity: sha256(secret), live: true };
}

function algorithmsOf(kty: string | undefined, crv: string | undefined): readonly string[] {
  switch (`${kty ?? ''} ${crv ?? ''}`.trim()) {
    case 'RSA':
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'EC P-256':
      return ['ES256'];
    case 'EC P-384':
      return ['ES384'];
    case 'EC P-521':
      return ['ES512'];
    case 'OKP Ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}

/** Points whose signatures fit many messages (RFC 8032 does not refuse them); without the sign, in hex. */
const smallOrder = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

function isSmallOrder(x: unknown): boolean {
  if (typeof x !== 'string') return true;
  const point = Buffer.from(x, 'base64url');
  const last = point.length - 1;
  if (last < 0) return true;
  point[last] = (point[last] ?? 0) & 0x7f;
  return smallOrder.has(point.toString('hex'));
}
