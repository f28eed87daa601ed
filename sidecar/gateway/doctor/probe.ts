import { denialTable } from '../../core/codes.ts';
import type { CodeRow } from '../../core/codes.ts';
import { tokenSlotHeaders } from '../../core/preset.ts';
import type { Secret } from '../../core/secret.ts';
import type { DoctorNames, DoctorRoute } from './names.ts';
import type { Arrival, Caller, LogFile, Reply } from './ports.ts';

/** What the checks work with. */
export interface Probe {
  readonly names: DoctorNames;
  /** The secret that must arrive, and be seen nowhere else. */
  readonly canary: Secret;
  /** The client's token that must not arrive. */
  readonly token: Secret;
  readonly caller: Caller;
  /** What came to the doctor's server so far, oldest first: requests, questions and log batches. */
  readonly arrived: readonly Arrival[];
  readonly logFiles: readonly LogFile[];
  /** Headers that choose who pays, which the route must empty. */
  readonly steering: readonly string[];
  /** The question names the route; else its path names the upstream. */
  readonly boundByRoute: boolean;
  /** Number of requests so far that found a route, and so are logged. */
  readonly routed: () => number;
  /** A marker that nothing else has; every request carries one. */
  readonly nextMark: () => string;
  /** Waits until it holds; false: not within `ms`. */
  readonly until: (holds: () => boolean | Promise<boolean>, ms: number) => Promise<boolean>;
}

export interface Outcome {
  readonly reply: Reply;
  /** The request as the upstream got it; undefined: it did not. */
  readonly reached: Arrival | undefined;
  /** The question, where it came to the doctor. */
  readonly question: Arrival | undefined;
}

export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** Not listed anywhere, so it passes through; the question names it by X-CF-Raw-Uri's query. */
export const markHeader = 'x-cf-doctor';

/** Sends one request through the gateway and looks what became of it. `path`: below the route's prefix. */
export async function ask(
  probe: Probe,
  route: DoctorRoute,
  request: { readonly path: string; readonly method?: string; readonly headers?: HeaderLines },
): Promise<Outcome> {
  const mark = probe.nextMark();
  const from = probe.arrived.length;
  const reply = await probe.caller.send({
    method: request.method ?? 'GET',
    target: `${route.prefix}${request.path}${request.path.includes('?') ? '&' : '?'}mark=${mark}`,
    headers: [...(request.headers ?? []), [markHeader, mark]],
  });
  const since = probe.arrived.slice(from);
  return {
    reply,
    reached: since.find((arrival) => valueOf(arrival, markHeader) === mark && !isQuestion(arrival, probe)),
    question: since.find((arrival) => isQuestion(arrival, probe)),
  };
}

export const bearer = (token: string): HeaderLines => [['Authorization', `Bearer ${token}`]];

/** The token in every slot: one value in several is fine, and each of them must be emptied. */
export const inEverySlot = (token: string): HeaderLines =>
  tokenSlotHeaders.map((name) => [name, name === 'authorization' ? `Bearer ${token}` : token]);

export function valueOf({ headers }: Arrival, name: string): string | undefined {
  return headers.find(([given]) => given.toLowerCase() === name)?.[1];
}

/** Lower-case names of the headers whose value holds the text. */
export function headersWith({ headers }: Arrival, text: string): readonly string[] {
  return headers.filter(([, value]) => value.includes(text)).map(([name]) => name.toLowerCase());
}

export function isQuestion({ target }: Arrival, { names }: Probe): boolean {
  return target === names.questionPath;
}

/** The sidecar's own code of a denial, in whatever body. */
export function denialOf({ body }: Reply): { readonly code: string; readonly row: CodeRow } | undefined {
  const rows: Readonly<Record<string, CodeRow>> = denialTable;
  for (const [code, row] of Object.entries(rows)) if (body.includes(`"${code}"`)) return { code, row };
  return undefined;
}

/** For people: `503`, `401 token_unknown`. */
export function describeReply(reply: Reply): string {
  const denial = denialOf(reply);
  return denial === undefined ? String(reply.status) : `${reply.status} ${denial.code}`;
}
