import { IncomingMessage } from 'node:http';
import type { Question } from '../core/decision.ts';
import { createHeaderReader } from './read-headers.ts';

/** A request that knows what it asks; made by the class of {@link createQuestionRequest}. */
export interface QuestionRequest extends IncomingMessage {
  readonly lines: Pick<Question, 'headers' | 'conflicting'>;
}

/**
 * The class of the data plane's requests, for `createServer({ IncomingMessage })`: its `headers` are read in one pass,
 * without interpretation. Node's own reading, which its server asks of every request, takes three times as long, and no
 * decision needs it.
 */
export function createQuestionRequest(): new (
  ...args: ConstructorParameters<typeof IncomingMessage>
) => QuestionRequest {
  const readHeaders = createHeaderReader();

  class Request extends IncomingMessage implements QuestionRequest {
    #lines: QuestionRequest['lines'] | undefined;

    get lines(): QuestionRequest['lines'] {
      return (this.#lines ??= readHeaders(this.rawHeaders));
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
  const { headers, conflicting } = lines;
  // The address is undefined on a unix socket, and where the peer is gone already.
  return { upstream, headers, conflicting, address: socket.remoteAddress ?? '' };
}
