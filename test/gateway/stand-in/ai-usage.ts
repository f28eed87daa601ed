/** How `ai-proxy` finds the counts of tokens in what an API answers: by the client's protocol. */
export type AiProtocol = 'openai-chat' | 'anthropic-messages';

export interface TokenUsage {
  readonly prompt: number;
  readonly completion: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Of a whole answer; undefined: it tells none. */
export function usageOfAnswer(protocol: AiProtocol, answer: Fields): TokenUsage | undefined {
  return readUsage(protocol, answer['usage']);
}

export interface UsageReader {
  /** A piece of the stream, wherever it was cut. */
  take(text: string): void;
  /** Undefined: no event told any so far. */
  soFar(): TokenUsage | undefined;
}

/** OpenAI tells it in one of the last events, Anthropic in the first and in the last ones. */
export function createUsageReader(protocol: AiProtocol): UsageReader {
  let rest = '';
  let found: TokenUsage | undefined;
  return {
    take(text) {
      const events = (rest + text).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const told = readUsage(protocol, usageOfEvent(protocol, event));
        if (told === undefined) continue;
        // The second telling overwrites the first but with zeros.
        found = {
          prompt: told.prompt || (found?.prompt ?? 0),
          completion: told.completion || (found?.completion ?? 0),
        };
      }
    },
    soFar: () => found,
  };
}

function usageOfEvent(protocol: AiProtocol, event: string): unknown {
  const field = (name: string): string | undefined => new RegExp(`^${name}: ?(.*)$`, 'm').exec(event)?.[1];
  const type = field('event') ?? 'message';
  const data = fieldsOf(field('data'));
  if (protocol === 'openai-chat') return type === 'message' ? data['usage'] : undefined;
  if (type === 'message_start') return (data['message'] as Fields | undefined)?.['usage'];
  return type === 'message_delta' ? data['usage'] : undefined;
}

function readUsage(protocol: AiProtocol, usage: unknown): TokenUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const named = usage as Fields;
  const count = (name: string): number => (typeof named[name] === 'number' ? named[name] : 0);
  return protocol === 'openai-chat'
    ? { prompt: count('prompt_tokens'), completion: count('completion_tokens') }
    : { prompt: count('input_tokens'), completion: count('output_tokens') };
}

function fieldsOf(data: string | undefined): Fields {
  try {
    return (JSON.parse(data ?? '') ?? {}) as Fields;
  } catch {
    return {};
  }
}
