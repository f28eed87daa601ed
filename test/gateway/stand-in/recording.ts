import type { AuthAnswer, AuthQuestion } from './forward-auth.ts';

export interface RecordedQuestion {
  readonly route: string;
  readonly method: string;
  readonly path: string;
  /** Secrets and tokens are masked. */
  readonly headers: readonly (readonly [string, string])[];
  /** Undefined: no usable answer. */
  readonly answer: { readonly status: number; readonly headers: readonly (readonly [string, string])[] } | undefined;
}

const secretHeaders = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'x-cf-gateway-key'];

export function recordQuestion(route: string, question: AuthQuestion, reply: AuthAnswer | undefined): RecordedQuestion {
  return {
    route,
    method: question.method,
    path: question.path,
    headers: masked(question.headers),
    answer: reply && { status: reply.status, headers: masked(reply.headers.all) },
  };
}

const masked = (headers: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] =>
  headers.map(([name, value]) => [name, secretHeaders.includes(name.toLowerCase()) ? mask(value) : value]);

/** Keeps the scheme, the first characters and the last four of a long value; of a short one nothing. */
export function mask(value: string): string {
  const space = value.indexOf(' ');
  const scheme = space < 0 ? '' : value.slice(0, space + 1);
  const secret = value.slice(scheme.length);
  if (secret === '') return value;
  return secret.length < 16 ? `${scheme}…` : `${scheme}${secret.slice(0, 7)}…${secret.slice(-4)}`;
}
