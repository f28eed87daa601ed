/** Tokens that are revoked under watch: our own, and JWTs that were verified and are kept as claims. */
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import type { BenchSidecar } from '../sidecar.ts';
import { issueToken, revokeToken, teams, type Scene } from './scene.ts';

export interface Victim {
  readonly token: string;
  /** Resolves when `sidecar` has acknowledged it. */
  revoke(sidecar: BenchSidecar): Promise<void>;
}

const issuerId = 'corp';
const iss = 'https://issuer.example.test';
const audience = 'urn:fleet';

/** What a revocation can name a JWT by. */
type Selectors = Readonly<Record<string, string>>;
const selectorsOf: readonly ((jti: string, subject: string) => Selectors)[] = [
  (jti) => ({ jti }),
  (_jti, subject) => ({ subject }),
  (_jti, subject) => ({ subject, issued_before: new Date(Date.now() + 1_000).toISOString() }),
];

export async function opaqueVictim(scene: Scene, sidecar: BenchSidecar, n: number): Promise<Victim> {
  const { id, token } = await issueToken(scene, sidecar, n);
  return { token, revoke: (asked) => revokeToken(scene, asked, id) };
}

/** Signs for an issuer that the fleet trusts from now on; each victim is revoked by `jti`, subject or time in turn. */
export async function createJwtVictims(scene: Scene, sidecar: BenchSidecar): Promise<(n: number) => Promise<Victim>> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  await scene.admin(sidecar, 'PUT', `/api/v1/issuers/${issuerId}`, {
    issuer: iss,
    audience,
    keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }],
    algorithms: ['ES256'],
    consumer: '${client_id}',
  });
  return async (n) => {
    const jti = `jti-${String(n)}`;
    const subject = `person-${String(n)}`;
    const token = await sign(privateKey, jti, subject, n);
    const selectors = selectorsOf[n % selectorsOf.length]?.(jti, subject);
    return {
      token,
      async revoke(asked) {
        const body = { issuer: issuerId, ...selectors };
        await scene.admin(asked, 'PUT', `/api/v1/revocations/deny-${String(n)}`, body);
      },
    };
  };
}

function sign(key: CryptoKey, jti: string, subject: string, n: number): Promise<string> {
  return new SignJWT({ client_id: `team-${String(n % teams)}` })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer(iss)
    .setAudience(audience)
    .setSubject(subject)
    .setJti(jti)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(key);
}
