/** A JWT validator over hand-written issuers, and tokens to present to it. */
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { createBoundedTable } from '../../sidecar/caches/bounded-table.ts';
import { createBreaker } from '../../sidecar/caches/breaker.ts';
import { createGate } from '../../sidecar/caches/gate.ts';
import { createTokenHasher } from '../../sidecar/compose/hashing.ts';
import { decide } from '../../sidecar/core/decide.ts';
import type { Clock, TokenValidator } from '../../sidecar/core/ports.ts';
import type { IssuerSpec, ResourceRecord } from '../../sidecar/core/resources.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createJwtValidator } from '../../sidecar/token-validators/jwt.ts';
import { createIntrospector } from '../../sidecar/token-validators/introspection.ts';
import { createKeyDirectory, type KeyDirectory } from '../../sidecar/token-validators/jwt/key-directory.ts';
import type { IssuerHttp, KeyLoaderDeps } from '../../sidecar/token-validators/jwt/load-keys.ts';
import { deciding, outcomeOf, question, resource, sha256, snapshotOf, usual, type Deciding } from './deciding.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { recordingLog, type RecordingLog } from './recording-log.ts';

export const iss = 'https://issuer.example.test';
export const nowMs = Date.parse('2026-11-25T12:00:00Z');

export interface SigningKey {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function signingKey(alg = 'ES256', kid = 'k1'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { alg, privateKey, jwk: { ...jwk, kid } };
}

/** A usual token of `team`, with other claims (undefined leaves one out) and header fields. */
export function sign(
  key: SigningKey | { readonly alg: string; readonly privateKey: Uint8Array; readonly jwk?: JWK },
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const seconds = Math.floor(nowMs / 1_000);
  const all = { iss, sub: 'team', aud: 'api', iat: seconds, exp: seconds + 600, jti: 'j1', ...claims };
  const kid = key.jwk?.kid;
  return new SignJWT(all)
    .setProtectedHeader({ alg: key.alg, ...(kid === undefined ? {} : { kid }), ...header })
    .sign(key.privateKey);
}

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export interface Issuing {
  readonly ctx: Deciding;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly keys: KeyDirectory;
  readonly validator: TokenValidator;
  /** URLs that were asked for. */
  readonly asked: string[];
  /** Changes the resources. */
  use(records: readonly ResourceRecord[]): Promise<void>;
  /** `allow`, or the code of the denial, for the usual request with this token. */
  outcome(token: string): Promise<string>;
}

export interface IssuingOptions {
  readonly clock?: FakeClock;
  /** What URLs answer; default: nothing does. */
  readonly answer?: (url: string, body?: string, headers?: Readonly<Record<string, string>>) => unknown;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly gate?: { readonly concurrency: number; readonly queue: number };
  /** Tokens whose hash is at hand; default 4. */
  readonly keptTokens?: number;
  /** For the claims of verified tokens; default 1 MB. */
  readonly verifiedBytes?: number;
}

/** An answer that is a JWT; a number is a status. */
export class Signed {
  readonly jwt: string;
  constructor(jwt: string) {
    this.jwt = jwt;
  }
}

export const issuer = (spec: Partial<IssuerSpec> = {}, id = 'corp'): ResourceRecord =>
  resource('issuer', id, { issuer: iss, ...spec });

/** An issuer with these public keys in its resource. */
export const inline = (keys: readonly JWK[], spec: Partial<IssuerSpec> = {}): ResourceRecord =>
  issuer({ keys: { from: 'inline', keys: keys as unknown as readonly Record<string, unknown>[] }, ...spec });

export async function issuing(records: readonly ResourceRecord[], options: IssuingOptions = {}): Promise<Issuing> {
  const clock = options.clock ?? createFakeClock(nowMs);
  const log = recordingLog();
  const asked: string[] = [];
  const ctx = deciding(await snapshotOf([...usual(), ...records]));
  Object.assign(ctx.clock, { now: clock.now, monotonic: clock.monotonic } satisfies Partial<Clock>);
  const http: IssuerHttp = {
    async request({ url, body, headers }) {
      asked.push(url);
      const answer = await options.answer?.(url, body, headers);
      if (typeof answer === 'number') return { status: answer, headers: {}, text: '' };
      if (answer instanceof Signed) return { status: 200, headers: {}, text: answer.jwt };
      if (answer === undefined) throw new Error('no answer');
      return { status: 200, headers: {}, text: JSON.stringify(answer) };
    },
    close: () => Promise.resolve(),
  };
  const asking: Pick<KeyLoaderDeps, 'openHttp' | 'resolveSecret'> = {
    openHttp: () => Promise.resolve(http),
    resolveSecret: ({ name }) => Promise.resolve(new Secret(options.secrets?.[String(name)] ?? '')),
  };
  const keys = createKeyDirectory({
    ...asking,
    snapshot: ctx.snapshot,
    sha256,
    clock,
    log,
    observe: () => undefined,
  });
  const validator = createJwtValidator({
    snapshot: ctx.snapshot,
    keys,
    introspector: createIntrospector({
      ...asking,
      keys,
      createBreaker: () => createBreaker({ failures: 5, openMs: 1_000 }, { clock }),
      clock,
      log,
    }),
    verified: createBoundedTable({ maxBytes: options.verifiedBytes ?? 1_000_000 }),
    refused: createBoundedTable({ maxBytes: 100_000 }),
    gate: createGate(options.gate ?? { concurrency: 8, queue: 256 }, { clock }),
    hasher: createTokenHasher({ maxKept: options.keptTokens ?? 4 }),
    clock,
    log,
  });
  Object.assign(ctx, { validators: [...ctx.validators, validator] });
  return {
    ctx,
    clock,
    log,
    keys,
    validator,
    asked,
    async use(next) {
      ctx.use(await snapshotOf([...usual(), ...next]));
    },
    async outcome(token) {
      return outcomeOf(await decide(question({ authorization: `Bearer ${token}` }), ctx));
    },
  };
}
