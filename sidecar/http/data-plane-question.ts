import { IncomingMessage } from 'node:http';
import type { Question } from '../core/decision.ts';

/** A request that knows what it asks; made by the class of {@link createQuestionRequest}. */
export interface QuestionRequest extends IncomingMessage {
  readonly lines: Pick<Question, 'headers' | 'conflicting'>;
}

const none: readonly string[] = [];
/** A gateway spells some twenty names, always alike; a stranger may not fill the memory with others. */
const maxNames = 256;
const maxNameLength = 64;

/**
 * The class of the data plane's requests, for `createServer({ IncomingMessage })`. It reads the header lines in one
 * pass: nothing is interpreted and nothing inherited (a header called `constructor` is just a name); of a repeated
 * header the first value; `conflicting` names those whose values differ. Node's own reading, which its server asks of
 * every request, takes three times as long, and no decision needs it.
 */
export function createQuestionRequest(): new (
  ...args: ConstructorParameters<typeof IncomingMessage>
) => QuestionRequest {
  const lowerNames = new Map<string, string>();

  function lowerName(name: string): string {
    const known = lowerNames.get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    if (lowerNames.size < maxNames && name.length <= maxNameLength) lowerNames.set(name, lower);
    return lower;
  }

  function readLines(rawHeaders: readonly string[]): QuestionRequest['lines'] {
    const headers = Object.create(null) as Record<string, string | undefined>;
    let conflicting: string[] | undefined;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = lowerName(rawHeaders[i] ?? '');
      const value = rawHeaders[i + 1] ?? '';
      const first = headers[name];
      if (first === undefined) headers[name] = value;
      else if (first !== value) (conflicting ??= []).push(name);
    }
    return { headers, conflicting: conflicting ?? none };
  }

  class Request extends IncomingMessage implements QuestionRequest {
    #lines: QuestionRequest['lines'] | undefined;

    get lines(): QuestionRequest['lines'] {
      return (this.#lines ??= readLines(this.rawHeaders));
    }
  }
  // An accessor in node, too, but its type says property, and a class may not override one by an accessor.
  Object.defineProperty(Request.prototype, 'headers', {
    get(this: Request) {
      return this.lines.headers;
    },
  });
  return Request;
}

/** `upstream` as {@link Question.upstream}. */
export function readQuestion({ lines, socket }: QuestionRequest, upstream: string | undefined): Question {
  // The address is undefined on a unix socket, and where the peer is gone already.
  const { headers, conflicting } = lines;
  return { upstream, headers, conflicting, address: socket.remoteAddress ?? '' };
}
