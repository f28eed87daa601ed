import { readFile } from 'node:fs/promises';
import { createBoundedTable } from '../caches/bounded-table.ts';
import { createBreaker } from '../caches/breaker.ts';
import { createGate } from '../caches/gate.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { createHttpClient } from '../ops/http-client.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createIntrospector } from '../token-validators/introspection.ts';
import type { KeyLoaderDeps } from '../token-validators/jwt/load-keys.ts';
import { createKeyDirectory, type KeyDirectory } from '../token-validators/jwt/key-directory.ts';
import type { JwtValidatorDeps, RefusedEntry, VerifiedEntry } from '../token-validators/jwt.ts';
import type { CleanUp } from './clean-up.ts';
import { createTokenHasher, sha256 } from './hashing.ts';
import type { Snapshots } from './snapshots.ts';

/** What tokens of other issuers are judged with. */
export interface Issuers extends JwtValidatorDeps {
  readonly keys: KeyDirectory;
}

export interface IssuersDeps {
  readonly snapshot: () => Snapshot | undefined;
  readonly resolveSecret: Snapshots['resolveSecret'];
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly cleanUp: CleanUp;
}

/** Some 4,000 tokens of 1 KB each, and as many that were refused. */
const verifiedBytes = 33_554_432;
const refusedBytes = 2_097_152;
/** Tokens whose hash is at hand; 16 KiB each at most. */
const keptTokens = 512;
/** A check takes a thread of the pool for 50 to 500 µs. */
const signatureChecks = { concurrency: 8, queue: 256 } as const;
/** Of introspection. */
const breakerOptions = { failures: 5, openMs: 1_000 } as const;
/** For documents that are fetched ahead of need; a decision waits less. */
const fetchTimeoutMs = 5_000;
const maxDocumentBytes = 524_288;

export function createIssuers(deps: IssuersDeps): Issuers {
  const { snapshot, metrics, clock, log } = deps;
  const asking: Pick<KeyLoaderDeps, 'openHttp' | 'resolveSecret'> = {
    openHttp: async ({ allowPrivate, caFile }) => {
      const ca = caFile === undefined ? undefined : await readCa(caFile);
      return createHttpClient({
        timeoutMs: fetchTimeoutMs,
        maxBodyBytes: maxDocumentBytes,
        publicOnly: !allowPrivate,
        ...(ca === undefined ? {} : { ca }),
      });
    },
    resolveSecret: (reference) => deps.resolveSecret(reference, 'issuer'),
  };
  const keys = createKeyDirectory({
    ...asking,
    snapshot,
    sha256,
    clock,
    log,
    observe: (issuer, outcome) => {
      metrics.issuerKeys(issuer, outcome);
    },
  });
  const introspector = createIntrospector({
    ...asking,
    keys,
    createBreaker: () => createBreaker(breakerOptions, { clock }),
    clock,
    log,
  });
  deps.cleanUp.add(() => {
    keys.stop();
    introspector.stop();
  });
  return {
    snapshot,
    keys,
    introspector,
    verified: createBoundedTable<VerifiedEntry>({ maxBytes: verifiedBytes }),
    refused: createBoundedTable<RefusedEntry>({ maxBytes: refusedBytes }),
    gate: createGate(signatureChecks, { clock }),
    hasher: createTokenHasher({ maxKept: keptTokens }),
    clock,
    log,
  };
}

async function readCa(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new CredentialFlowError('internal', 'its ca_file cannot be read');
  }
}
