import type { Request } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { Problem } from '../../core/error.ts';
import type { Page } from '../../core/ports.ts';
import { refuse } from './problem.ts';

/** What a caller may write into a JSON body or a query, read field by field; unknown fields are refused. */
export interface Fields {
  readonly text: (name: string) => string | undefined;
  readonly requiredText: (name: string) => string;
  /** `true`/`false`, in a query also as text; absent is false. */
  /** A list of texts; absent: undefined. */
  readonly texts: (name: string) => readonly string[] | undefined;
  /** Names and texts; absent: undefined. */
  readonly textMap: (name: string) => Readonly<Record<string, string>> | undefined;
  readonly flag: (name: string) => boolean;
  readonly wholeNumber: (name: string, bounds: { readonly min: number; readonly max: number }) => number | undefined;
  /** RFC 3339, with a time zone; milliseconds since the epoch. */
  readonly time: (name: string) => number | undefined;
}

const longestText = 64 * 1_024;

export function bodyFields(req: Request, known: readonly string[]): Fields {
  const body: unknown = req.body;
  if (body === undefined && hasNoBody(req)) return fieldsOf({}, known);
  return fieldsOf(jsonObject(req), known);
}

/** The body as an object, of which somebody else judges the fields. */
export function jsonObject(req: Request): Readonly<Record<string, unknown>> {
  const body: unknown = req.body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    refuse('bad_request', 'the body must be a JSON object', { fix: 'send it with Content-Type: application/json' });
  }
  return body as Readonly<Record<string, unknown>>;
}

export function queryFields(req: Request, known: readonly string[]): Fields {
  return fieldsOf(req.query, known);
}

export function pageOf(fields: Fields): Page & { readonly limit: number } {
  return { after: fields.text('after'), limit: fields.wholeNumber('limit', { min: 1, max: 1_000 }) ?? 100 };
}

/** One path parameter; the route's pattern guarantees that there is exactly one. */
export function idOf(req: Request): string {
  const id: unknown = req.params['id'];
  return typeof id === 'string' ? id : refuse('bad_request', 'the id is missing');
}

function hasNoBody(req: Request): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = req.headers;
  return encoding === undefined && (length === undefined || length === '0');
}

function fieldsOf(values: Readonly<Record<string, unknown>>, known: readonly string[]): Fields {
  const unknown = Object.keys(values).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const fix = known.length === 0 ? 'none is known here' : `known are ${known.join(', ')}`;
    const problems = unknown
      .slice(0, 20)
      .map((path): Problem => ({ severity: 'error', message: 'is not a known field', path: path.slice(0, 64), fix }));
    throw new CredentialFlowError('bad_request', 'a field is not known', { problems });
  }
  const wrong = (name: string, what: string): never => refuse('bad_request', `${name} must be ${what}`, { path: name });
  const text = (name: string): string | undefined => {
    const value = values[name];
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' && value !== '' && value.length <= longestText
      ? value
      : wrong(name, `a text of 1 to ${longestText} characters`);
  };
  return {
    text,
    requiredText: (name) => text(name) ?? refuse('bad_request', `${name} is missing`, { path: name }),
    texts: (name) => {
      const value = values[name];
      if (value === undefined || value === null) return undefined;
      const isList = Array.isArray(value) && value.length > 0 && value.length <= 100;
      const fits = isList && value.every((entry) => typeof entry === 'string' && entry.length <= longestText);
      return fits ? (value as readonly string[]) : wrong(name, 'a list of 1 to 100 texts');
    },
    textMap: (name) => {
      const value = values[name];
      if (value === undefined || value === null) return undefined;
      const isMap = typeof value === 'object' && !Array.isArray(value);
      const fits =
        isMap && Object.values(value).every((text) => typeof text === 'string' && text.length <= longestText);
      return fits ? (value as Readonly<Record<string, string>>) : wrong(name, 'a map of texts');
    },
    flag: (name) => {
      const value = values[name] ?? false;
      if (value === true || value === 'true' || value === '') return true;
      return value === false || value === 'false' ? false : wrong(name, 'true or false');
    },
    wholeNumber: (name, { min, max }) => {
      const value = values[name];
      if (value === undefined) return undefined;
      const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
      const fits = typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max;
      return fits ? number : wrong(name, `a whole number from ${min} to ${max}`);
    },
    time: (name) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const ms = rfc3339.test(value) ? Date.parse(value) : NaN;
      return Number.isNaN(ms) ? wrong(name, 'an RFC 3339 time such as 2027-06-30T00:00:00Z') : ms;
    },
  };
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;
