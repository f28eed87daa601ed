import { data } from './provider-api.ts';
import type { ProviderApi } from './provider-api.ts';

/** A wrong key is a 400 here. */
export const geminiApi: ProviderApi = {
  secretHeader: 'x-goog-api-key',
  secretPrefix: '',
  unauthorized: {
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'API key not valid. Please pass a valid API key.',
        status: 'INVALID_ARGUMENT',
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }],
      },
    },
  },
  reply: ({ url }, words) =>
    url.includes(':streamGenerateContent')
      ? { events: words.map((text) => data(candidate(text))) }
      : { json: candidate(words.join('')) },
};

function candidate(text: string): object {
  return {
    candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 4, totalTokenCount: 9 },
    modelVersion: 'test-model',
  };
}
