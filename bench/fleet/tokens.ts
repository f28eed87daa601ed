/** Many tokens in a fleet's store, put there without asking the admin API a million times. */
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { randomBase62 } from '../../sidecar/keys/random-text.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { mintToken, type MintedToken } from '../../sidecar/token-validators/opaque-token.ts';
import { teams, type Scene } from './scene.ts';

/** Of a master key that is given without one. */
const keyVersion = 'k1';
const rowsAtOnce = 10_000;
const yearMs = 365 * 24 * 3_600_000;

/** `count` genuine tokens in the store, and `filling` rows of tokens that nobody holds. */
export async function fillStore(scene: Scene, count: number, filling: number): Promise<readonly string[]> {
  const mint = createMint(scene);
  const client = await scene.postgres.connect(scene.store);
  const columns = 'id, sha256, consumer, owner, not_before, expires_at, created_at, revision';
  const rest = `'team-' || (n % ${String(teams)}), 'api', 0, $3::bigint, 0, 1`;
  const expiresAt = Date.now() + yearMs;
  const tokens: string[] = [];
  for (let at = 0; at < count; at += rowsAtOnce) {
    const minted = Array.from({ length: Math.min(rowsAtOnce, count - at) }, mint);
    await client.query(
      `INSERT INTO tokens (${columns}) SELECT i, s, ${rest} FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(i, s, n)`,
      [minted.map(({ id }) => id), minted.map(({ sha256 }) => sha256), expiresAt],
    );
    for (const { token } of minted) tokens.push(token.reveal());
  }
  for (let at = 0; at < filling; at += 10 * rowsAtOnce) {
    await client.query(
      `INSERT INTO tokens (${columns}) SELECT 'fill_' || n, encode(sha256(('fill' || n)::bytea), 'hex'), ${rest}
       FROM generate_series($1::bigint, $2::bigint) AS n`,
      [at, Math.min(filling, at + 10 * rowsAtOnce) - 1, expiresAt],
    );
  }
  await client.query('ANALYZE tokens');
  return tokens;
}

/** Genuine by its tag, whether or not the store knows it. */
export function createMint(scene: Scene): () => MintedToken {
  const key = Buffer.from(scene.env['CREDENTIALFLOW_MASTER_KEY'] ?? '', 'base64');
  const keyring = createKeyring([{ version: keyVersion, key: new Secret(new Uint8Array(key)) }]);
  const tagKey = keyring.derive('token-tag');
  return () => mintToken({ keyId: keyring.current, tagKey, randomBase62 });
}

/** Of the right form, checksum included, with a tag that no key of ours made: what an attacker can make at best. */
export function createForgery(): () => string {
  const tagKey = new Uint8Array(32).fill(7);
  return () => mintToken({ keyId: keyVersion, tagKey, randomBase62 }).token.reveal();
}

/** `length` picks of `count` things, the first ones more often (Zipf, exponent 1); the same every time. */
export function zipf(count: number, length: number): readonly number[] {
  const total = Math.log(count + 1);
  let state = 1;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.min(count - 1, Math.floor(Math.exp((state / 4_294_967_296) * total)) - 1);
  });
}
