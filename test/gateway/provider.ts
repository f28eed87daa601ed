import type { ServerResponse } from 'node:http';
import { anthropicApi, mistralApi, openaiApi } from './provider/chat-apis.ts';
import { echoApi } from './provider/echo-api.ts';
import { geminiApi } from './provider/gemini-api.ts';
import type { ProviderApi } from './provider/provider-api.ts';
import { startScriptedServer } from './scripted-server.ts';
import type { ReceivedRequest, ScriptedServer } from './scripted-server.ts';

export type ProviderKind = 'openai' | 'azure-openai' | 'anthropic' | 'mistral' | 'gemini' | 'echo';

const apis: Readonly<Record<ProviderKind, ProviderApi>> = {
  openai: openaiApi('authorization', 'Bearer '),
  'azure-openai': openaiApi('api-key', ''),
  anthropic: anthropicApi,
  mistral: mistralApi,
  gemini: geminiApi,
  echo: echoApi,
};

/** What the provider says, plain and streamed, word by word. */
export const providerWords = ['the', ' secret', ' stayed', ' home'] as const;

/**
 * A local provider that speaks one API: it takes only the real secret in the right header (anything else gets the
 * API's own 401), answers as the API's SDK expects, streamed where asked to, and records what it received.
 */
export function startProvider(kind: ProviderKind, secret: string): Promise<ScriptedServer> {
  const api = apis[kind];
  return startScriptedServer((request, response) => {
    if (request.headers[api.secretHeader] !== `${api.secretPrefix}${secret}`) {
      sendJson(response, api.unauthorized.status, api.unauthorized.body);
      return;
    }
    const reply = api.reply(request, providerWords);
    if ('events' in reply) streamEvents(response, reply.events);
    else sendJson(response, reply.status ?? 200, reply.json);
  });
}

/** Every place of a request in which a token or a secret could hide, as one text. */
export function wholeRequest(request: ReceivedRequest): string {
  return [request.method, request.url, ...request.rawHeaders, request.body].join('\n');
}

function sendJson(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req-provider' });
  response.end(JSON.stringify(json));
}

/** One write an event, each in a turn of its own, so that a gateway that waits for the end is noticed. */
function streamEvents(response: ServerResponse, events: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const [event, ...rest] = events;
  const next = (current: string | undefined, later: readonly string[]): void => {
    if (current === undefined) {
      response.end();
      return;
    }
    response.write(`${current}\n\n`);
    setTimeout(() => next(later[0], later.slice(1)), 5);
  };
  next(event, rest);
}
