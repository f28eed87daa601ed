/** The fields that several kinds share. Messages never repeat the value. */
import { z } from 'zod';
import { parseDuration } from '../config/units.ts';
import { microsPerUnit } from '../core/prices.ts';

const idRule = 'must be 1 to 63 of a-z, 0-9, ".", "_", "-", and start with a letter or digit';
const idPattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export const id = z.string().regex(idPattern, idRule);

/** An id, or `*` for all. */
export const idOrStar = z.string().regex(/^(?:\*|[a-z0-9][a-z0-9._-]{0,62})$/, `${idRule}, or be "*"`);

export const groupName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/, 'must be 1 to 128 of letters, digits and ._:/@-');

export const labels = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'a label name must be 1 to 63 of letters, digits and ._/-'),
  z
    .string()
    .max(255)
    .regex(/^[^\p{Cc}]*$/u, 'must hold no control characters'),
);

export const plainText = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]*$/u, 'must be one line without control characters');

/** RFC 3339; kept as written. */
export const time = z.iso.datetime({ offset: true, error: timeRule });

function timeRule(issue: { readonly input?: unknown }): string {
  return issue.input === undefined ? 'is missing' : 'must be an RFC 3339 time such as 2027-06-30T00:00:00Z';
}

const zoneRule = 'must be a time zone of the IANA database, such as Europe/Berlin';

export const timeZone = z.string().max(64).refine(isTimeZone, zoneRule);

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 in 64 hex digits')
  .transform((text) => text.toLowerCase());

/** `30s`, or 0; becomes milliseconds. */
export function durationMs(maxMs: number, maxText: string): z.ZodType<number> {
  const rule = `must be a duration with a unit (ms, s, m, h, d) up to ${maxText}, such as 60s`;
  return z.union([z.literal(0), z.string()], { error: rule }).transform((value, context) => {
    const ms = value === 0 ? 0 : parseDuration(value);
    if (ms !== undefined && ms <= maxMs) return ms;
    context.addIssue({ code: 'custom', message: rule });
    return z.NEVER;
  });
}

/** A number from 0 with at most six decimals; becomes micros, whole. */
export function decimal(max: number): z.ZodType<number> {
  return z
    .number()
    .min(0)
    .max(max)
    .transform((value, context) => {
      const micros = Math.round(value * microsPerUnit);
      if (Math.abs(value * microsPerUnit - micros) < 0.001) return micros;
      context.addIssue({ code: 'custom', message: 'must have at most six decimals' });
      return z.NEVER;
    });
}

/** A list without repetitions. */
export function listOf(entry: z.ZodType<string>, max: number): z.ZodType<string[]> {
  return z.array(entry).max(max).refine(isUnique, 'must not name one thing twice');
}

/** For lists where nothing means everything: leaving it out is a decision, an empty list is an accident. */
export function nonEmptyListOf(entry: z.ZodType<string>, max: number): z.ZodType<string[]> {
  return z
    .array(entry)
    .min(1, 'must not be empty: leave it out for all')
    .max(max)
    .refine(isUnique, 'must not name one thing twice');
}

function isUnique(list: readonly string[]): boolean {
  return new Set(list).size === list.length;
}
