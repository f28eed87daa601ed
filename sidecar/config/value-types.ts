import { z } from 'zod';
import type { ListenAddress } from './config.ts';
import { durationPattern, formatDuration, formatSize, parseDuration, parseSize, sizePattern } from './units.ts';

/** How one kind of setting is written, in the document and in the environment. */
export interface ValueType<T> {
  /** For docs/config.md, such as `duration, 1ms to 10s`. */
  readonly name: string;
  /** Reads what the document holds. */
  readonly schema: z.ZodType<T>;
  /** What the document would hold for this text of the environment. */
  readonly fromText: (text: string) => unknown;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** `30s`; the value is in milliseconds. */
export function duration(min: string, max: string): ValueType<number> {
  const bounds = { min: parseDuration(min) ?? 0, max: parseDuration(max) ?? Infinity };
  const schema = z
    .string({ error: mustBe('a duration with a unit (ms, s, m, h, d), such as 30s') })
    .regex(durationPattern, 'must be a duration with a unit (ms, s, m, h, d), such as 30s')
    .transform((text) => parseDuration(text) ?? 0)
    .pipe(bounded(bounds, formatDuration));
  return { name: `duration, ${min} to ${max}`, schema, fromText: same };
}

/** `64MiB`; the value is in bytes. */
export function size(min: string, max: string): ValueType<number> {
  const bounds = { min: parseSize(min) ?? 0, max: parseSize(max) ?? Infinity };
  const schema = z
    .string({ error: mustBe('a size with a unit (B, KiB, MiB, GiB), such as 64MiB') })
    .regex(sizePattern, 'must be a size with a unit (B, KiB, MiB, GiB), such as 64MiB')
    .transform((text) => parseSize(text) ?? 0)
    .pipe(bounded(bounds, formatSize));
  return { name: `size, ${min} to ${max}`, schema, fromText: same };
}

export function wholeNumber(min: number, max: number): ValueType<number> {
  const between = `must be a whole number from ${min} to ${max}`;
  return {
    name: `whole number, ${min} to ${max}`,
    schema: z.int({ error: between }).min(min, between).max(max, between),
    fromText: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text),
  };
}

export function truth(): ValueType<boolean> {
  const texts: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false };
  return {
    name: 'true or false',
    schema: z.boolean({ error: mustBe('true or false') }),
    fromText: (text) => texts[text.toLowerCase()] ?? text,
  };
}

export function oneOf<const T extends readonly [string, ...string[]]>(...words: T): ValueType<T[number]> {
  return { name: words.map((word) => `\`${word}\``).join(', '), schema: z.enum(words), fromText: same };
}

export function path(): ValueType<string> {
  return { name: 'path', schema: plainText('a path'), fromText: same };
}

export function paths(): ValueType<readonly string[]> {
  return {
    name: 'list of paths (comma-separated in the environment)',
    schema: z.array(plainText('a path'), { error: mustBe('a list of paths') }).max(100),
    fromText: (text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
  };
}

/** http(s) URL of the admin API. */
export function httpUrl(): ValueType<string> {
  const error = 'must be an http or https URL without user, query and fragment';
  const schema = z.string({ error: mustBe('an http or https URL') }).refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.search + url.hash === '';
  }, error);
  return { name: 'URL', schema, fromText: same };
}

/** `127.0.0.1:9280`, `[::1]:0`, `localhost:9280`, `unix:/run/credentialflow.sock`. */
export function listenAddress(): ValueType<ListenAddress> {
  const error = 'must be host:port, [ipv6]:port or unix:/absolute/path';
  const schema = z.string({ error: mustBe(error.slice('must be '.length)) }).transform((text, context) => {
    const address = parseListenAddress(text);
    if (address !== undefined) return address;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });
  return { name: 'host:port or unix:/path', schema, fromText: same };
}

function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) {
    const socket = text.slice('unix:'.length);
    // 107 bytes is what a sun_path holds (unix(7)).
    return /^\/[^\0]{1,106}$/.test(socket) ? { kind: 'unix', path: socket } : undefined;
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  if (port > 65_535 || (match[1] !== undefined && !URL.canParse(`http://[${host}]`))) return undefined;
  return { kind: 'tcp', host, port };
}

function bounded(bounds: Bounds, format: (value: number) => string): z.ZodNumber {
  const error = `must be from ${format(bounds.min)} to ${format(bounds.max)}`;
  return z.number().min(bounds.min, error).max(bounds.max, error);
}

function plainText(what: string): z.ZodString {
  return z
    .string({ error: mustBe(what) })
    .min(1, 'must not be empty')
    .max(4_096)
    .regex(/^[^\0\r\n]*$/, 'must be one line');
}

function mustBe(what: string): (issue: { readonly input?: unknown }) => string {
  return (issue) => (issue.input === undefined ? 'is missing' : `must be ${what}`);
}

function same(text: string): string {
  return text;
}
