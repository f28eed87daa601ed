import type { ScheduleSpec } from '../core/resources.ts';
import { weekdays, type Zones } from './zones.ts';

/** Whether a weekly schedule includes a moment. Throws a RangeError for a schedule that cannot be read. */
export function compileSchedule({ zone, days, hours }: ScheduleSpec, zones: Zones): (ms: number) => boolean {
  zones.check(zone);
  const wanted = new Set(days.length === 0 ? weekdays : days);
  for (const day of wanted)
    if (!(weekdays as readonly string[]).includes(day)) throw new RangeError('a day is not known');
  const [from, to] = hours === undefined ? [0, dayMinutes] : readHours(hours);
  const overnight = to <= from;
  return (ms) => {
    const { hour, minute, weekday } = zones.at(zone, ms);
    const at = hour * 60 + minute;
    if (!overnight) return at >= from && at < to && wanted.has(weekday);
    if (at >= from) return wanted.has(weekday);
    // After midnight it is still the night of the day before.
    return at < to && wanted.has(weekdays[(weekdays.indexOf(weekday) + 6) % 7] ?? weekday);
  };
}

const dayMinutes = 1_440;

/** `08:00-18:00` → minutes of the day; throws a RangeError. */
function readHours(text: string): readonly [from: number, to: number] {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/.exec(text);
  if (match === null) throw new RangeError('the hours of the schedule are not of the form 08:00-18:00');
  const [, fromHour, fromMinute, toHour, toMinute] = match;
  const to = toHour === undefined ? dayMinutes : Number(toHour) * 60 + Number(toMinute);
  return [Number(fromHour) * 60 + Number(fromMinute), to];
}
