import { CredentialFlowError } from '../../core/error.ts';
import type { IssuerKeySource, SecretReference } from '../../core/resources.ts';
import type { Secret } from '../../core/secret.ts';
import type { IssuerEntry } from '../../core/snapshot.ts';
import { readKeySet, readSecretKey, type VerificationKey } from './verification-keys.ts';

/** Asks an issuer over HTTP. Redirects are not followed, and no private address is asked unless that is allowed. */
export interface IssuerHttp {
  request(request: {
    readonly method: 'GET' | 'POST';
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly timeoutMs?: number;
  }): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly text: string }>;
  close(): Promise<void>;
}

export interface KeyLoaderDeps {
  /** Reads `caFile` anew each time: a cluster replaces it. Rejects where it cannot. */
  readonly openHttp: (options: {
    readonly allowPrivate: boolean;
    readonly caFile: string | undefined;
  }) => Promise<IssuerHttp>;
  readonly resolveSecret: (reference: SecretReference) => Promise<Secret>;
  readonly sha256: (text: string) => string;
}

export interface LoadedKeys {
  readonly keys: readonly VerificationKey[];
  /** Until they should be read again; Infinity: they do not change. Milliseconds. */
  readonly freshForMs: number;
}

const secretFreshMs = 60_000;
const freshness = { usualMs: 600_000, minMs: 60_000, maxMs: 3_600_000 } as const;

/** Rejects with a CredentialFlowError that says what to do; never resolves without a key. */
export async function loadKeys({ spec }: IssuerEntry, deps: KeyLoaderDeps): Promise<LoadedKeys> {
  const { keys: source, algorithms } = spec;
  switch (source.from) {
    case 'inline':
      return { keys: requireKeys(await readKeySet(source.keys, algorithms)), freshForMs: Infinity };
    case 'secret': {
      const secret = await deps.resolveSecret(source.secret);
      const key = readSecretKey(secret.reveal(), algorithms, deps.sha256);
      if (key === undefined) throw failure('its secret is shorter than its algorithms need (32 bytes for HS256)');
      return { keys: [key], freshForMs: secretFreshMs };
    }
    case 'discovery':
    case 'jwks':
      return fetchKeys(spec, source, deps);
  }
}

async function fetchKeys(
  spec: IssuerEntry['spec'],
  source: Extract<IssuerKeySource, { readonly url: string }>,
  deps: KeyLoaderDeps,
): Promise<LoadedKeys> {
  const bearer = spec.bearer === undefined ? undefined : await deps.resolveSecret(spec.bearer);
  const http = await deps.openHttp({ allowPrivate: spec.allow_private, caFile: spec.ca_file });
  const get = async (url: string): ReturnType<IssuerHttp['request']> => {
    const headers = {
      accept: 'application/json',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer.reveal().trim()}` }),
    };
    const answer = await http.request({ method: 'GET', url, headers });
    if (answer.status !== 200) throw failure(`${placeOf(url)} answered ${answer.status}`);
    return answer;
  };
  try {
    const url = source.from === 'jwks' ? source.url : jwksUrlOf((await get(source.url)).text, source.url, spec);
    const { text, headers } = await get(url);
    const { keys } = parseObject(text, url);
    if (!Array.isArray(keys)) throw failure(`${placeOf(url)} is no key set`);
    return {
      keys: requireKeys(await readKeySet(keys as readonly unknown[], spec.algorithms)),
      freshForMs: freshForMs(headers['cache-control']),
    };
  } finally {
    void http.close().catch(() => undefined);
  }
}

/** OpenID Connect Discovery 1.0, section 4.3: metadata of another issuer must not be used. */
function jwksUrlOf(text: string, url: string, spec: IssuerEntry['spec']): string {
  const { issuer, jwks_uri: jwksUri } = parseObject(text, url);
  if (issuer !== spec.issuer) throw failure(`${placeOf(url)} is the metadata of another issuer`);
  if (typeof jwksUri !== 'string' || !URL.canParse(jwksUri)) throw failure(`${placeOf(url)} names no jwks_uri`);
  const { protocol } = new URL(jwksUri);
  if (protocol === 'https:' || (protocol === 'http:' && spec.allow_private)) return jwksUri;
  throw failure(`${placeOf(url)} names a jwks_uri that is not https`);
}

function parseObject(text: string, url: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw failure(`${placeOf(url)} is no JSON object`);
}

function requireKeys(keys: readonly VerificationKey[]): readonly VerificationKey[] {
  if (keys.length === 0) throw failure('it has no key that fits its algorithms (RSA keys need 2048 bits)');
  return keys;
}

function freshForMs(cacheControl: string | undefined): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(cacheControl ?? '')?.[1];
  const wanted = seconds === undefined ? freshness.usualMs : Number(seconds) * 1_000;
  return Math.min(freshness.maxMs, Math.max(freshness.minMs, wanted));
}

/** Without a query, where a secret could be. */
function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function failure(message: string): CredentialFlowError {
  return new CredentialFlowError('internal', message);
}
