import type { IncomingMessage } from 'node:http';
import type { Question } from '../core/decision.ts';

type Headers = Question['headers'];

const none: readonly string[] = [];

/**
 * What came over the wire, by lower-case name; nothing is interpreted and nothing inherited (a header called
 * `constructor` is just a name). Of a repeated header the first value; `conflicting` names those whose values differ.
 */
export function readQuestion(req: IncomingMessage, upstream: string | undefined): Question {
  // Undefined on a unix socket, and where the peer is gone already.
  const address = req.socket.remoteAddress ?? '';
  const parsed = withoutRepeats(req);
  if (parsed !== undefined) return { upstream, headers: parsed, conflicting: none, address };
  return { upstream, ...readRepeated(req.rawHeaders), address };
}

/**
 * Node has laid the headers out already, and a gateway's questions repeat none: as many names as lines means that every
 * value is whole and single. Taking that object over is three times as fast as reading the lines again.
 */
function withoutRepeats(req: IncomingMessage): Headers | undefined {
  const { headers } = req;
  if (2 * Object.keys(headers).length !== req.rawHeaders.length) return undefined;
  // The one header that node puts into a list even where it stands once.
  if (headers['set-cookie'] !== undefined) return undefined;
  return Object.setPrototypeOf(headers, null) as Headers;
}

function readRepeated(rawHeaders: readonly string[]): Pick<Question, 'headers' | 'conflicting'> {
  const headers = Object.create(null) as Record<string, string | undefined>;
  const conflicting: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    const first = headers[name];
    if (first === undefined) headers[name] = value;
    else if (first !== value) conflicting.push(name);
  }
  return { headers, conflicting };
}
