import { healthStates, type HealthBoard, type HealthState, type SharedHealth } from '../core/health.ts';
import type { Cache } from '../core/ports.ts';
import type { FollowedStore } from './change-reader.ts';
import type { ValueSealer } from './sealed-values.ts';

export interface HealthBoardDeps {
  readonly cache: Pick<Cache, 'get' | 'set'>;
  readonly sealer: ValueSealer;
  readonly identity: () => FollowedStore;
  /** Told why the value of the cache was not believed. */
  readonly onRejected: (reason: 'malformed' | 'not_authentic' | 'unreadable') => void;
}

/** Longer than the longest pause between two probes of a dead credential, each of which writes it down again. */
const ttlMs = 900_000;
/** Names the spelling below: a value of another version is another kind and does not open. */
const valueKind = 'health/1';
const maxReasonLength = 64;

/** One value for the whole fleet in the shared cache, which nobody trusts: sealed, and bound to store, epoch and key. */
export function createHealthBoard(deps: HealthBoardDeps): HealthBoard {
  const { cache, sealer } = deps;

  const keyOf = ({ storeId, epoch, fork }: FollowedStore): string =>
    `health:${storeId}:${String(epoch)}${fork}:${sealer.keyVersion}`;

  return {
    async read() {
      const identity = deps.identity();
      const key = keyOf(identity);
      const sealed = await cache.get(key);
      if (sealed === undefined) return [];
      const opened = sealer.open(valueKind, key, identity, sealed);
      const words = opened.ok ? decode(opened.plaintext) : undefined;
      if (words === undefined) deps.onRejected(opened.ok ? 'unreadable' : opened.reason);
      return words ?? [];
    },
    async write(words) {
      const { storeId, epoch, revision } = deps.identity();
      const key = keyOf(deps.identity());
      await cache.set(key, sealer.seal(valueKind, key, { storeId, epoch, asOf: revision }, encode(words)), ttlMs);
    },
  };
}

function encode(words: readonly SharedHealth[]): string {
  return JSON.stringify(
    words.map(({ versionId, state, sinceMs, untilMs, needsTrial, reason, atMs }) => [
      versionId,
      healthStates.indexOf(state),
      sinceMs,
      untilMs,
      needsTrial ? 1 : 0,
      reason,
      atMs,
    ]),
  );
}

/** Undefined: not what {@link encode} writes. */
function decode(text: string): readonly SharedHealth[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const words = value.map(decodeOne);
  return words.every((word) => word !== undefined) ? words : undefined;
}

function decodeOne(value: unknown): SharedHealth | undefined {
  if (!Array.isArray(value)) return undefined;
  const [versionId, stateAt, sinceMs, untilMs, needsTrial, reason, atMs] = value as unknown[];
  const state: HealthState | undefined = typeof stateAt === 'number' ? healthStates[stateAt] : undefined;
  const isWhole =
    typeof versionId === 'string' &&
    state !== undefined &&
    Number.isFinite(sinceMs) &&
    Number.isFinite(untilMs) &&
    Number.isFinite(atMs) &&
    typeof reason === 'string' &&
    reason.length <= maxReasonLength;
  if (!isWhole) return undefined;
  return {
    versionId,
    state,
    sinceMs: sinceMs as number,
    untilMs: untilMs as number,
    needsTrial: needsTrial === 1,
    reason,
    atMs: atMs as number,
  };
}
