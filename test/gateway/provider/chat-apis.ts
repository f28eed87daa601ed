import type { ReceivedRequest } from '../scripted-server.ts';
import { data, wantsStream } from './provider-api.ts';
import type { ProviderApi } from './provider-api.ts';

const created = 1_700_000_000;
const usage = { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 };

/** OpenAI's, and Azure's with its own header. */
export function openaiApi(secretHeader: string, secretPrefix: string): ProviderApi {
  const error = { message: 'Incorrect API key provided', type: 'invalid_request_error', param: null };
  return {
    secretHeader,
    secretPrefix,
    unauthorized: { status: 401, body: { error: { ...error, code: 'invalid_api_key' } } },
    reply(request, words) {
      if (request.url.startsWith('/v1/models')) return { json: { object: 'list', data: [] } };
      if (!wantsStream(request)) return { json: completion(words) };
      const events = chunks('chat.completion.chunk', words);
      return { events: wantsUsage(request) ? withUsage(events) : events };
    },
  };
}

export const mistralApi: ProviderApi = {
  secretHeader: 'authorization',
  secretPrefix: 'Bearer ',
  unauthorized: { status: 401, body: { detail: 'Unauthorized' } },
  reply: (request, words) =>
    wantsStream(request) ? { events: chunks('chat.completion.chunk', words) } : { json: completion(words) },
};

export const anthropicApi: ProviderApi = {
  secretHeader: 'x-api-key',
  secretPrefix: '',
  unauthorized: {
    status: 401,
    body: { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } },
  },
  reply(request, words) {
    const message = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-test',
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 5, output_tokens: 4 },
    };
    if (!wantsStream(request)) return { json: { ...message, content: [{ type: 'text', text: words.join('') }] } };
    const event = (type: string, rest: object): string => `event: ${type}\n${data({ type, ...rest })}`;
    return {
      events: [
        event('message_start', { message: { ...message, stop_reason: null, content: [] } }),
        event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
        ...words.map((text) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
        event('content_block_stop', { index: 0 }),
        event('message_delta', {
          delta: { stop_reason: 'end_turn', stop_sequence: null },
          usage: { output_tokens: 4 },
        }),
        event('message_stop', {}),
      ],
    };
  },
};

/** OpenAI tells the usage of a stream to who asks for it: in an event before the last. */
function wantsUsage({ body }: ReceivedRequest): boolean {
  const { stream_options: options } = JSON.parse(body) as { readonly stream_options?: { include_usage?: boolean } };
  return options?.include_usage === true;
}

function withUsage(events: readonly string[]): readonly string[] {
  const told = data({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created,
    model: 'test-model',
    choices: [],
    usage,
  });
  return [...events.slice(0, -1), told, ...events.slice(-1)];
}

function completion(words: readonly string[]): object {
  const message = { role: 'assistant', content: words.join('') };
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created,
    model: 'test-model',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage,
  };
}

function chunks(object: string, words: readonly string[]): readonly string[] {
  const chunk = (delta: object, reason: string | null): string =>
    data({
      id: 'chatcmpl-1',
      object,
      created,
      model: 'test-model',
      choices: [{ index: 0, delta, finish_reason: reason }],
    });
  return [
    chunk({ role: 'assistant', content: '' }, null),
    ...words.map((content) => chunk({ content }, null)),
    chunk({ content: '' }, 'stop'),
    'data: [DONE]',
  ];
}
