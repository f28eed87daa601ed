import { jwtVerify } from 'jose';
import type { Claims } from '../core/claims.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { IntrospectionSpec } from '../core/resources.ts';
import type { IssuerEntry } from '../core/snapshot.ts';
import type { KeyDirectory } from './jwt/key-directory.ts';
import type { IssuerHttp, KeyLoaderDeps } from './jwt/load-keys.ts';
import { readClient, type ShowClient } from './introspection/client-authentication.ts';
import { checkClaims, type RefusedToken } from './jwt/verify.ts';

/** Asks an issuer about a token (RFC 7662, RFC 9701). Never rejects: what could not be known is a denial. */
export interface Introspector {
  ask(token: string, issuer: IssuerEntry): Promise<IntrospectedToken | RefusedToken | UnknownToken>;
  stop(): void;
}

export interface IntrospectedToken {
  readonly claims: Claims;
  /** How long that may be used. */
  readonly forMs: number;
}

interface UnknownToken {
  readonly deny: 'issuer_unavailable' | 'overloaded';
  readonly retryAfterMs: number;
}

export interface Breaker {
  allows(): boolean;
  succeeded(): void;
  failed(): void;
  retryInMs(): number;
}

export interface IntrospectorDeps extends Pick<KeyLoaderDeps, 'openHttp' | 'resolveSecret'> {
  readonly keys: Pick<KeyDirectory, 'of'>;
  readonly createBreaker: () => Breaker;
  readonly clock: Clock;
  readonly log: Log;
}

interface Session {
  readonly issuer: IssuerEntry;
  readonly openedAt: number;
  readonly breaker: Breaker;
  /** Connection and client; a rejection is a failure of each request that needs it. */
  readonly ready: Promise<{ readonly http: IssuerHttp; readonly showClient: ShowClient }>;
}

const askTimeoutMs = 600;
/** Questions under way at once, of each issuer. */
const maxAsking = 64;
/** The client's secret or key and the CAs are read again. */
const sessionMs = 60_000;

export function createIntrospector(deps: IntrospectorDeps): Introspector {
  const { clock, log } = deps;
  const sessions = new Map<string, Session>();
  const asking = new Map<string, number>();
  const told = new Map<string, string>();

  function sessionOf(issuer: IssuerEntry): Session {
    const known = sessions.get(issuer.id);
    const isSame = known?.issuer === issuer;
    if (known !== undefined && isSame && clock.monotonic() - known.openedAt < sessionMs) return known;
    const ready = open(issuer);
    ready.catch(() => undefined);
    const breaker = isSame ? known.breaker : deps.createBreaker();
    const session = { issuer, openedAt: clock.monotonic(), breaker, ready };
    sessions.set(issuer.id, session);
    // Ends when its last answer is there.
    if (known !== undefined) close(known);
    return session;
  }

  async function open({ spec }: IssuerEntry): Promise<Awaited<Session['ready']>> {
    const { introspection, allow_private: allowPrivate, ca_file: caFile } = spec;
    if (introspection === undefined) throw new CredentialFlowError('internal', 'it has no introspection');
    const showClient = await readClient(introspection, spec.issuer, deps.resolveSecret);
    return { http: await deps.openHttp({ allowPrivate, caFile }), showClient };
  }

  async function request(token: string, issuer: IssuerEntry, session: Session): Promise<unknown> {
    const { introspection } = issuer.spec;
    if (introspection === undefined) return undefined;
    const { http, showClient } = await session.ready;
    const { headers, fields } = await showClient(clock.now());
    const answer = await http.request({
      method: 'POST',
      url: introspection.url,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: introspection.signed ? 'application/token-introspection+jwt' : 'application/json',
        ...headers,
      },
      body: new URLSearchParams({ token, token_type_hint: 'access_token', ...fields }).toString(),
      timeoutMs: askTimeoutMs,
    });
    if (answer.status === 401 || answer.status === 403) throw failure(`refuses the client (${answer.status})`);
    if (answer.status !== 200) throw failure(`answered ${answer.status}`);
    return introspection.signed ? openSigned(answer.text, issuer, introspection) : (JSON.parse(answer.text) as unknown);
  }

  /** RFC 9701, section 5: signed by the issuer, for this client, and of this type only. */
  async function openSigned(text: string, issuer: IssuerEntry, introspection: IntrospectionSpec): Promise<unknown> {
    const { payload } = await jwtVerify(
      text.trim(),
      async ({ alg, kid }) => {
        const found = await deps.keys.of(issuer).find({ alg, kid });
        const key = 'deny' in found ? undefined : found[0]?.byAlgorithm.get(alg);
        if (key === undefined) throw failure('signs its answers with a key that it does not publish');
        return key;
      },
      {
        algorithms: [...issuer.spec.algorithms],
        issuer: issuer.spec.issuer,
        audience: introspection.client_id,
        typ: 'token-introspection+jwt',
        currentDate: new Date(clock.now()),
        clockTolerance: Math.ceil(issuer.spec.clock_tolerance_ms / 1_000),
      },
    );
    return payload['token_introspection'];
  }

  function fail(issuer: IssuerEntry, session: Session, error: unknown): UnknownToken {
    session.breaker.failed();
    const problem = error instanceof CredentialFlowError ? error.message : 'gave no answer that can be used';
    if (told.get(issuer.id) !== problem) log.warn('introspection_failed', { issuer: issuer.id, problem });
    told.set(issuer.id, problem);
    return { deny: 'issuer_unavailable', retryAfterMs: Math.max(1_000, session.breaker.retryInMs()) };
  }

  return {
    async ask(token, issuer) {
      const session = sessionOf(issuer);
      const underWay = asking.get(issuer.id) ?? 0;
      if (underWay >= maxAsking) return { deny: 'overloaded', retryAfterMs: 1_000 };
      if (!session.breaker.allows())
        return { deny: 'issuer_unavailable', retryAfterMs: Math.max(1, session.breaker.retryInMs()) };
      asking.set(issuer.id, underWay + 1);
      try {
        const answer = await request(token, issuer, session);
        if (typeof answer !== 'object' || answer === null || !('active' in answer))
          throw failure('answers without "active"');
        session.breaker.succeeded();
        told.delete(issuer.id);
        return judgeAnswer(answer, issuer, clock.now());
      } catch (error) {
        return fail(issuer, session, error);
      } finally {
        asking.set(issuer.id, (asking.get(issuer.id) ?? 1) - 1);
      }
    },
    stop() {
      for (const session of sessions.values()) close(session);
      sessions.clear();
    },
  };
}

/** `active` first (RFC 7662, section 2.2), then what the issuer's resource asks for, as of a JWT. */
function judgeAnswer(claims: Claims, issuer: IssuerEntry, nowMs: number): IntrospectedToken | RefusedToken {
  if (claims['active'] !== true) return { deny: 'token_inactive' };
  const { spec } = issuer;
  const { iss, aud, exp, nbf, iat } = claims;
  const toleranceMs = spec.clock_tolerance_ms;
  if (iss !== undefined && iss !== spec.issuer) return { deny: 'token_claims_refused', claim: 'iss' };
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((one) => typeof one === 'string' && spec.audience.includes(one)))
    return { deny: 'token_audience_wrong', claim: 'aud' };
  for (const [claim, value] of Object.entries({ exp, nbf, iat })) {
    if (value !== undefined && typeof value !== 'number') return { deny: 'token_claims_refused', claim };
  }
  const cacheMs = spec.introspection?.cache_ms ?? 0;
  const endsMs = typeof exp === 'number' ? exp * 1_000 + toleranceMs : nowMs + cacheMs + toleranceMs;
  if (endsMs <= nowMs) return { deny: 'token_expired', claim: 'exp' };
  if (typeof nbf === 'number' && nbf * 1_000 > nowMs + toleranceMs)
    return { deny: 'token_not_yet_valid', claim: 'nbf' };
  if (
    spec.max_age_ms !== undefined &&
    (typeof iat !== 'number' || iat * 1_000 + spec.max_age_ms + toleranceMs <= nowMs)
  ) {
    return { deny: 'token_too_old', claim: 'iat' };
  }
  const refused = checkClaims(claims, issuer, nowMs);
  if (refused !== undefined) return refused;
  return { claims: typeof exp === 'number' ? claims : { ...claims, exp: (nowMs + cacheMs) / 1_000 }, forMs: cacheMs };
}

function failure(message: string): CredentialFlowError {
  return new CredentialFlowError('internal', `its introspection endpoint ${message}`);
}

function close({ ready }: Session): void {
  void ready.then(({ http }) => http.close()).catch(() => undefined);
}
