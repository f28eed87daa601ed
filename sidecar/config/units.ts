/** Durations and sizes as people write them. A number without a unit is refused: nobody knows whether 30 is seconds. */

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

export const durationPattern = /^(\d{1,12})(ms|s|m|h|d)$/;
export const sizePattern = /^(\d{1,12})(B|KiB|MiB|GiB)$/;

/** `500ms`, `30s`, `15m`, `12h`, `30d` → milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text);
  return match === null ? undefined : Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits];
}

/** `512B`, `64KiB`, `64MiB`, `1GiB` → bytes; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = sizePattern.exec(text);
  return match === null ? undefined : Number(match[1]) * sizeUnits[match[2] as keyof typeof sizeUnits];
}

/** The shortest text that {@link parseDuration} reads back as `ms`. */
export function formatDuration(ms: number): string {
  return format(ms, Object.entries(durationUnits), '0s');
}

/** The shortest text that {@link parseSize} reads back as `bytes`. */
export function formatSize(bytes: number): string {
  return format(bytes, Object.entries(sizeUnits), '0B');
}

function format(value: number, units: readonly (readonly [string, number])[], zero: string): string {
  const fitting = units.findLast(([, size]) => value % size === 0);
  return value === 0 || fitting === undefined ? zero : `${value / fitting[1]}${fitting[0]}`;
}
