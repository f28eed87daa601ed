import { z } from 'zod';
import { readPath } from '../../core/path.ts';
import { aiProviders, type AiProxySpec } from '../../core/resources.ts';
import { plainText } from '../fields.ts';
import type { Report } from '../report.ts';

/** What a route of `ai-proxy` is to do. */
export const aiProxy = z
  .strictObject({
    provider: z
      .enum(aiProviders)
      .optional()
      .meta({ description: "How ai-proxy reads the API's answers. The secret is the sidecar's all the same." }),
    path: z
      .string()
      .max(255)
      .optional()
      .meta({ description: "The one path that the route serves; default the provider's for chats." }),
    model: plainText.optional().meta({ description: "In place of the client's; default the client's own." }),
    by_hand: z.literal(true).optional().meta({ description: 'There is such a route, and somebody else makes it.' }),
  })
  .meta({ description: "The gateway's ai-proxy sends the requests and counts tokens of language models." });

export type AiProxyDocument = z.infer<typeof aiProxy>;

export function readAiProxy(document: AiProxyDocument): AiProxySpec | 'by_hand' {
  const { provider, path, model } = document;
  if (provider === undefined) return 'by_hand';
  return { provider, path: path ?? chatPathOf(provider), ...(model === undefined ? {} : { model }) };
}

export function writeAiProxy(spec: AiProxySpec | 'by_hand'): AiProxyDocument {
  return spec === 'by_hand' ? { by_hand: true } : spec;
}

function chatPathOf(provider: AiProxySpec['provider']): string {
  if (provider === 'anthropic') return '/v1/messages';
  return provider === 'gemini' ? '/v1beta/openai/chat/completions' : '/v1/chat/completions';
}

/**
 * ai-proxy sends each request to one path, which we write down, so the route must serve that path and no other: then what
 * the policy judged is what the API receives. What would let the two differ is refused.
 */
export function checkAiProxy(
  document: AiProxyDocument,
  upstream: {
    readonly prefix: string;
    readonly encoded_slashes?: 'refuse' | 'allow' | undefined;
    readonly secret_in_query: string | undefined;
  },
  report: Report,
): void {
  const at = ['gateway', 'ai_proxy'];
  if (upstream.secret_in_query !== undefined) {
    report(at, 'takes no secret from the query: ai-proxy writes a query of its own', {
      fix: 'leave out secret_in_query',
    });
  }
  if (document.by_hand === true) {
    if (Object.keys(document).length > 1) report(at, 'is made by hand, so there is nothing else to say about it');
    return;
  }
  if (document.provider === undefined) {
    report([...at, 'provider'], 'is missing', { fix: `known are ${aiProviders.join(', ')}; or by_hand: true` });
    return;
  }
  if (upstream.encoded_slashes === 'allow') {
    report(at, 'needs encoded_slashes: refuse: the gateway would find the route by another path than is judged');
  }
  const { provider, path = chatPathOf(document.provider) } = document;
  const isLiteral = /^(?:\/[A-Za-z0-9._~-]+)+$/.test(path) && readPath(path, false) !== undefined;
  if (!isLiteral) report([...at, 'path'], 'must be one path such as /v1/chat/completions, of letters, digits and ._~-');
  // ai-proxy knows an API by how the client's path ends: by a wrong one it would find no tokens in the answers, so that
  // a budget held nothing, or write the request anew.
  const uri = `${upstream.prefix === '/' ? '' : upstream.prefix}${path}`;
  if (provider !== 'anthropic' && uri.endsWith('/v1/messages')) {
    report([...at, 'path'], "is Anthropic's: ai-proxy would write such a request anew for another provider");
  }
  if (provider === 'anthropic' && !/\/(?:v1\/messages|chat\/completions)$/.test(uri)) {
    report(
      [...at, 'path'],
      'must make prefix and path end with /v1/messages: ai-proxy would count no tokens otherwise',
      {
        fix: "or, for the API's imitation of OpenAI, with /chat/completions",
      },
    );
  }
  if (path.endsWith('/responses') && !uri.endsWith('/v1/responses')) {
    report(
      [...at, 'path'],
      'must make prefix and path end with /v1/responses: ai-proxy would count no tokens otherwise',
    );
  }
}
