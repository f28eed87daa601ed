/** What the clocks of a place show. */
export interface LocalTime {
  /** 0 to 23. */
  readonly hour: number;
  readonly minute: number;
  /** `mon` … `sun`. */
  readonly weekday: Weekday;
  /** `2026-11-25`. */
  readonly date: string;
}

export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof weekdays)[number];

export interface Zones {
  /** Throws a RangeError for a zone that is not known. */
  check(zone: string): void;
  /** Throws a RangeError for a zone that is not known. */
  at(zone: string, ms: number): LocalTime;
}

/** Offsets change on quarters of an hour (the strangest zones are at :45), so one is right until the next quarter. */
const quarterMs = 900_000;
/** More zones than there are. */
const maxZones = 1_000;

interface Known {
  readonly format: Intl.DateTimeFormat;
  quarter: number;
  offsetMs: number;
}

/** Asking Intl takes tens of microseconds; within a quarter of an hour it is asked once a zone. */
export function createZones(): Zones {
  const zones = new Map<string, Known>();

  function open(zone: string): Known {
    const known = zones.get(zone);
    if (known !== undefined) return known;
    const format = formatOf(zone);
    if (zones.size >= maxZones) zones.clear();
    const made = { format, quarter: NaN, offsetMs: 0 };
    zones.set(zone, made);
    return made;
  }

  return {
    check: (zone) => void open(zone),
    at(zone, ms) {
      const known = open(zone);
      const quarter = Math.floor(ms / quarterMs);
      if (quarter !== known.quarter) {
        known.offsetMs = offsetAt(known.format, quarter * quarterMs);
        known.quarter = quarter;
      }
      const local = new Date(ms + known.offsetMs);
      return {
        hour: local.getUTCHours(),
        minute: local.getUTCMinutes(),
        weekday: weekdays[local.getUTCDay()] ?? 'sun',
        date: local.toISOString().slice(0, 10),
      };
    },
  };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset', hour: 'numeric' });
  } catch {
    throw new RangeError('is no time zone of the IANA database, such as Europe/Berlin');
  }
}

/** `GMT+05:45`, `GMT` … → milliseconds. */
function offsetAt(format: Intl.DateTimeFormat, ms: number): number {
  const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(name) ?? [];
  const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
  return sign === '-' ? -offset : offset;
}
