import type { Preset } from '../core/preset.ts';

/** A self-hosted Llama: Ollama, llama.cpp, vLLM. It speaks OpenAI's API under /v1 and may need no secret at all. */
export const ollama: Preset = {
  id: 'ollama',
  title: 'Ollama (self-hosted Llama)',
  baseUrl: 'http://127.0.0.1:11434',
  tokenSlots: [{ header: 'authorization', scheme: 'bearer' }],
  queryKeys: ['api_key', 'api-key', 'key', 'access_token'],
  injection: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  secretOptional: true,
  steeringHeaders: [],
  // Its own API reads a bare string in `error`, OpenAI's SDK an object: the object serves both kinds of clients.
  denialBodies: {
    default: { error: { message: '{message}', type: 'api_error', param: null, code: '{code}' } },
    byStatus: {
      '401': { error: { message: '{message}', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } },
    },
  },
  responseHeaders: { rateLimit: [] },
  deadKey: [{ status: 401 }],
  // Ollama knows no keys, and llama.cpp shows its models without one.
  probe: { method: 'GET', path: '/v1/models', needsKey: false },
};
