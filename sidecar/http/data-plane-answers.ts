import type { ServerResponse } from 'node:http';
import { errorTable, type ErrorCode } from '../core/codes.ts';
import type { Allow } from '../core/decision.ts';
import type { DenialAnswer } from './denial.ts';

/** Frames an allow. Never cached: the answer is a secret, and the next decision may be another one. */
const allowTail = ['content-length', '0', 'cache-control', 'no-store'];

/** Throws (before anything is sent) when a value fits no header. */
export type SendAllow = (res: ServerResponse, decision: Allow) => void;

export function createAllowSender(): SendAllow {
  // A credential's headers are the same list for every request until its snapshot is gone.
  const framed = new WeakMap<Allow['headers'], string[]>();

  function frame(headers: Allow['headers']): string[] {
    const list = headers.reveal().concat(allowTail);
    framed.set(headers, list);
    return list;
  }

  return (res, { headers, deliberation }) => {
    const list =
      headers === deliberation.credential?.headers
        ? (framed.get(headers) ?? frame(headers))
        : headers.reveal().concat(allowTail);
    res.writeHead(200, list).end();
  };
}

/** `decisionId` empty: there was no decision. */
export function sendDenial(res: ServerResponse, answer: DenialAnswer, decisionId: string): void {
  const headers = answer.headers.concat(decisionId === '' ? [] : ['x-cf-decision', decisionId]);
  res.writeHead(answer.status, headers).end(answer.body);
}

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  send(res, status, 'application/json', JSON.stringify(body));
}

/** RFC 9457; `headers` flat. */
export function sendProblem(res: ServerResponse, code: ErrorCode, headers: readonly string[] = []): void {
  const { status, message, fix } = errorTable[code];
  const body = { type: `urn:credentialflow:error:${code}`, title: message, status, code, fix };
  send(res, status, 'application/problem+json', JSON.stringify(body), headers);
}

export function sendEmpty(res: ServerResponse, status: number, headers: readonly string[] = []): void {
  res.writeHead(status, ['content-length', '0', ...headers]).end();
}

export function send(
  res: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: readonly string[] = [],
): void {
  res
    .writeHead(status, [
      'content-type',
      contentType,
      'content-length',
      String(Buffer.byteLength(body)),
      'cache-control',
      'no-store',
      ...headers,
    ])
    // A HEAD has the headers of the GET (RFC 9110, section 9.3.2); node leaves the body out.
    .end(body);
}
