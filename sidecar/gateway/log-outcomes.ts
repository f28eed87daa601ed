import type { UpstreamOutcome } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';

type Entry = Readonly<Record<string, unknown>>;

/** The outcomes that a batch of log entries tells of; entries of denials, and those that cannot be read, have none. */
export function outcomesOf(entries: readonly unknown[], snapshot: Snapshot, nowMs: number): UpstreamOutcome[] {
  const versions = new Map<string, Pick<UpstreamOutcome, 'upstreamId' | 'credentialId'>>();
  for (const { id, credentials } of snapshot.upstreams.values()) {
    for (const { versionId, credentialId } of credentials) versions.set(versionId, { upstreamId: id, credentialId });
  }
  return entries.flatMap((entry) => {
    if (!isObject(entry) || !isObject(entry['upstream'])) return [];
    const { credential, ts, upstream } = entry;
    const known = typeof credential === 'string' ? versions.get(credential) : undefined;
    if (known === undefined || upstream['status'] === undefined) return [];
    return [
      {
        ...known,
        versionId: String(credential),
        atMs: milliseconds(ts) ?? nowMs,
        status: Number(lastOf(upstream['status'])) || 0,
        durationMs: milliseconds(lastOf(upstream['response_time'])),
        headerMs: milliseconds(lastOf(upstream['header_time'])),
        limits: textsOf(entry['limits']),
      },
    ];
  });
}

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name.toLowerCase(), text]] : [],
    ),
  );

const isObject = (value: unknown): value is Entry => typeof value === 'object' && value !== null;

/** `"a, b"` after retries. */
const lastOf = (value: unknown): unknown => (typeof value === 'string' ? value.split(',').at(-1)?.trim() : value);

function milliseconds(seconds: unknown): number | undefined {
  const number = typeof seconds === 'string' && seconds !== '' ? Number(seconds) : seconds;
  return typeof number === 'number' && Number.isFinite(number) ? Math.round(number * 1_000) : undefined;
}
