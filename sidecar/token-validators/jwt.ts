import type { Clock, Log, TokenFacts, TokenValidator, Validation } from '../core/ports.ts';
import type { IssuerEntry, Snapshot } from '../core/snapshot.ts';
import type { IntrospectedToken, Introspector } from './introspection.ts';
import type { KeyDirectory } from './jwt/key-directory.ts';
import { mapClaims } from './jwt/map-claims.ts';
import { readToken, type UnverifiedToken } from './jwt/read-token.ts';
import type { VerificationKey } from './jwt/verification-keys.ts';
import { verifyToken, type RefusedToken, type VerifiedToken } from './jwt/verify.ts';

/** Keeps entries within a bound of bytes, the most recently used longest. */
export interface BoundedTable<V> {
  get(key: string): V | undefined;
  set(key: string, value: V, bytes: number): void;
}

/** SHA-256 of tokens; of those that were kept without computing it again: for a long one, half of a warm decision. */
export interface TokenHasher {
  sha256(text: string): string;
  /** A verified token may be asked for again. */
  keep(token: string, sha256: string): void;
}

/** Lets a bounded number of signature checks run at once, and a bounded number wait. */
export interface SignatureGate {
  enter(waitMs: number): 'entered' | 'full' | Promise<'entered' | 'too_late'>;
  leave(): void;
}

/** A verified token; holds as long as its issuer says the same and its key is published. */
export interface VerifiedEntry {
  readonly facts: TokenFacts;
  readonly issuer: IssuerEntry;
  /** Undefined: its issuer was asked. */
  readonly key: VerificationKey | undefined;
  /** Monotonic; Infinity: until it expires. */
  readonly untilMs: number;
}

/** A token that was refused by what its issuer's resource says; for a moment only. */
export interface RefusedEntry {
  readonly refused: RefusedToken;
  readonly issuer: IssuerEntry;
  /** Monotonic. */
  readonly untilMs: number;
}

export interface JwtValidatorDeps {
  readonly snapshot: () => Snapshot | undefined;
  readonly keys: Pick<KeyDirectory, 'of'>;
  readonly introspector: Pick<Introspector, 'ask'>;
  readonly verified: BoundedTable<VerifiedEntry>;
  readonly refused: BoundedTable<RefusedEntry>;
  readonly gate: SignatureGate;
  readonly hasher: TokenHasher;
  readonly clock: Clock;
  readonly log: Log;
}

/** Of OpenAI, Anthropic, Google, GitHub, AWS and others. */
const looksLikeProviderKey = /^(?:sk|pk|rk)[-_]|^AIza|^gh[pousr]_|^github_pat_|^(?:AKIA|ASIA)/;
const maxTokenLength = 16_384;
/** Different tokens under way at once; one more is refused. */
const maxFlights = 1_000;
const gateWaitMs = 500;
const refusedForMs = { usual: 10_000, soonDifferent: 1_000 } as const;
const overloaded = { deny: 'overloaded', retryAfterMs: 1_000 } as const;
/** What an entry takes besides the token's claims. */
const entryBytes = 2_048;

/** JWTs of the issuers of the snapshot (RFC 7519, RFC 8725, RFC 9068). Synchronous once a token has been verified. */
export function createJwtValidator(deps: JwtValidatorDeps): TokenValidator {
  const { snapshot, clock, log } = deps;
  const flights = new Map<string, Promise<Validation>>();

  const issuerOf = (iss: string): IssuerEntry | undefined => snapshot()?.issuers.get(iss);
  let opaque: { readonly of: Snapshot['issuers'] | undefined; readonly issuer: IssuerEntry | undefined } = {
    of: undefined,
    issuer: undefined,
  };
  const isCurrent = (issuer: IssuerEntry): boolean => issuerOf(issuer.spec.issuer) === issuer;

  function isUsable({ key, untilMs, issuer }: VerifiedEntry): boolean {
    const isFresh = key === undefined ? clock.monotonic() < untilMs : key.live;
    return isFresh && isCurrent(issuer);
  }

  /** Whose tokens those are that are no JWTs; undefined: nobody's, or several claim them. */
  function issuerOfOpaque(): IssuerEntry | undefined {
    const issuers = snapshot()?.issuers;
    if (issuers !== opaque.of) {
      const claimants = [...(issuers?.values() ?? [])].filter(
        ({ disabled, spec }) => !disabled && spec.introspection?.opaque_tokens === true,
      );
      opaque = { of: issuers, issuer: claimants.length === 1 ? claimants[0] : undefined };
    }
    return opaque.issuer;
  }

  function read(token: string): UnverifiedToken | RefusedToken {
    if (hasTwoDots(token)) return readToken(token);
    const issuer = issuerOfOpaque();
    // A provider's own key that was sent by mistake goes to nobody.
    if (issuer === undefined || looksLikeProviderKey.test(token)) return { deny: 'token_malformed' };
    return { iss: issuer.spec.issuer, alg: '', kid: undefined, signed: token };
  }

  function validate(token: string): Validation | Promise<Validation> {
    if (token.length > maxTokenLength) return { deny: 'token_too_large' };
    const hash = deps.hasher.sha256(token);
    const known = deps.verified.get(hash);
    if (known !== undefined && isUsable(known)) return known.facts;
    const before = deps.refused.get(hash);
    if (before !== undefined && clock.monotonic() < before.untilMs && isCurrent(before.issuer)) return before.refused;
    return flights.get(hash) ?? begin(token, hash);
  }

  function begin(token: string, hash: string): Validation | Promise<Validation> {
    const unverified = read(token);
    if ('deny' in unverified) return unverified;
    const issuer = trusted(unverified);
    if ('deny' in issuer) return issuer;
    if (flights.size >= maxFlights) return overloaded;
    const flight = verifyAndKeep(token, hash, unverified, issuer).finally(() => {
      flights.delete(hash);
    });
    flights.set(hash, flight);
    return flight;
  }

  /** The issuer that the token names, if it is one of ours: its name is not believed, only used to choose the keys. */
  function trusted({ iss, alg }: UnverifiedToken): IssuerEntry | RefusedToken {
    const issuer = issuerOf(iss);
    if (issuer === undefined) return { deny: 'issuer_unknown' };
    if (issuer.disabled) return { deny: 'issuer_disabled' };
    if (issuer.spec.introspection !== undefined) return issuer;
    return issuer.spec.algorithms.includes(alg) ? issuer : { deny: 'token_algorithm_refused' };
  }

  async function verifyAndKeep(
    token: string,
    hash: string,
    read: UnverifiedToken,
    first: IssuerEntry,
  ): Promise<Validation> {
    let issuer: IssuerEntry | RefusedToken = first;
    // The issuer's resource may change meanwhile: once more by what it says then.
    for (let attempt = 1; attempt <= 2; attempt++) {
      if ('deny' in issuer) return issuer;
      const result = await verify(token, read, issuer);
      const now = trusted(read);
      if (now === issuer) return keep(hash, token, read, issuer, result);
      issuer = now;
    }
    return { deny: 'issuer_unavailable', retryAfterMs: 1_000 };
  }

  async function verify(token: string, read: UnverifiedToken, issuer: IssuerEntry): Promise<Verified> {
    if (issuer.spec.introspection !== undefined) return deps.introspector.ask(token, issuer);
    const candidates = await deps.keys.of(issuer).find(read);
    if ('deny' in candidates) return candidates;
    const entered = await deps.gate.enter(gateWaitMs);
    if (entered !== 'entered')
      return entered === 'full' ? overloaded : { deny: 'deadline_exceeded', retryAfterMs: 1_000 };
    try {
      return await verifyToken(token, read.alg, candidates, issuer, clock.now());
    } finally {
      deps.gate.leave();
    }
  }

  function keep(hash: string, token: string, read: UnverifiedToken, issuer: IssuerEntry, result: Verified): Validation {
    if ('deny' in result) return refuse(hash, issuer, result);
    // Of what was signed: a signature can be written in several ways, and each would be another token.
    const tokenId = `jwt_${deps.hasher.sha256(read.signed).slice(0, 24)}`;
    const facts = mapClaims(result.claims, tokenId, issuer);
    if ('deny' in facts) return refuse(hash, issuer, facts);
    deps.hasher.keep(token, hash);
    deps.verified.set(hash, { facts, issuer, ...lifeOf(result) }, entryBytes + 6 * token.length);
    return facts;
  }

  function refuse(hash: string, issuer: IssuerEntry, refused: Exclude<Verified, VerifiedResult>): Validation {
    log.debug('token_refused', {
      issuer: issuer.id,
      code: refused.deny,
      claim: 'claim' in refused ? refused.claim : undefined,
    });
    // What we could not know, we may know a moment later.
    if (!('retryAfterMs' in refused)) {
      const { soonDifferent, usual } = refusedForMs;
      const isShort = refused.deny === 'token_not_yet_valid' || refused.deny === 'token_key_unknown';
      const untilMs = clock.monotonic() + (isShort ? soonDifferent : usual);
      deps.refused.set(hash, { refused, issuer, untilMs }, 512);
    }
    return refused;
  }

  function lifeOf(result: VerifiedResult): Pick<VerifiedEntry, 'key' | 'untilMs'> {
    return 'key' in result
      ? { key: result.key, untilMs: Infinity }
      : { key: undefined, untilMs: clock.monotonic() + result.forMs };
  }

  return { kind: 'jwt', accepts: (token) => hasTwoDots(token) || issuerOfOpaque() !== undefined, validate };
}

type VerifiedResult = VerifiedToken | IntrospectedToken;
type Verified = VerifiedResult | RefusedToken | { readonly deny: RefusedToken['deny']; readonly retryAfterMs?: number };

function hasTwoDots(token: string): boolean {
  const first = token.indexOf('.');
  const second = first < 0 ? -1 : token.indexOf('.', first + 1);
  return second > 0 && !token.includes('.', second + 1);
}
