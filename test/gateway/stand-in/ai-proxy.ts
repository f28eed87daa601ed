import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { createUsageReader, usageOfAnswer } from './ai-usage.ts';
import type { AiProtocol, TokenUsage } from './ai-usage.ts';
import { answer, answerPage } from './answers.ts';
import type { AiProxyPlugin } from './configuration.ts';
import type { Exchange } from './exchange.ts';

/**
 * What `ai-proxy` of 3.17 and 3.18 does, as its source says (apisix/plugins/ai-proxy, ai-providers, ai-protocols and
 * ai-transport) and its schema in apisix-3.18-schemas.json; it was not measured. Obeyed:
 * - access phase, before limit-count: JSON only, else 400; the protocol is found by the client's path and body, not by
 *   the provider; sent afterwards, by POST, past nginx's upstream: `$upstream_*` of the log stay empty
 * - the endpoint's path and query, never the client's; all the client's headers as forward-auth left them, in lower case,
 *   but host, content-length and accept-encoding; content-type is application/json; `auth.header` wins
 * - `options` overwrite the body's fields; a stream of chats is told to include its usage, whatever the client wished; what
 *   nothing changed goes out byte for byte
 * - of the answer's headers only Content-Type passes; 429 and 5xx become a page of the gateway's own, other statuses and
 *   bodies pass; no answer: 500, in time: 504
 * - `$llm_model` is set when it sends (`options.model`, else the client's), tokens when the answer tells them; later
 *   events of a stream add to earlier ones and zeros overwrite nothing; all are text in the log
 * What the newest source does otherwise (it hands the body of a 429 or 5xx on, and tells nginx of the upstream) is not
 * leaned on: the product must do without.
 * Not imitated, so an error: endpoints without a path, conversion between protocols, the other protocols, chunked requests.
 */
export interface AiRequest {
  readonly protocol: AiProtocol;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface AiProxy {
  pass(exchange: Exchange, conf: AiProxyPlugin, asked: AiRequest, to: Destination): Promise<void>;
  close(): void;
}

interface Destination {
  /** In place of the endpoint's own; undefined: that one. */
  readonly origin: URL | undefined;
  readonly extraHeaders: readonly string[];
}

/** Reads the whole body. Undefined: answered, with a 400. */
export async function readAiRequest(
  exchange: Exchange,
  conf: AiProxyPlugin,
  extraHeaders: readonly string[],
): Promise<AiRequest | undefined> {
  const { headers, request, response } = exchange;
  if (headers.first('transfer-encoding') !== undefined)
    throw new Error('chunked requests of ai-proxy are not imitated');
  exchange.body ??= await buffer(request);
  const refuse = (text: string): void => {
    answer(response, 400, ['content-type', 'text/plain; charset=utf-8', ...extraHeaders], Buffer.from(text));
  };
  const type = headers.first('content-type') ?? 'application/json';
  if (!type.startsWith('application/json')) {
    refuse(`unsupported content-type: ${type}, only application/json is supported`);
    return undefined;
  }
  const body = parseObject(exchange.body);
  if (body === undefined) {
    refuse('could not parse the request body');
    return undefined;
  }
  const protocol = protocolOf(exchange.target.uri, body);
  if (protocol === undefined) throw new Error('a protocol of ai-proxy that is not imitated');
  const isConverted = conf.provider !== 'anthropic' && protocol === 'anthropic-messages';
  if (isConverted) throw new Error('conversion between protocols of ai-proxy is not imitated');
  return { protocol, body };
}

/** By the end of the client's path first, then by the body; the provider has no say. */
function protocolOf(uri: string, body: AiRequest['body']): AiProtocol | undefined {
  if (uri.endsWith('/v1/messages')) return 'anthropic-messages';
  return typeof body['messages'] === 'object' && body['messages'] !== null ? 'openai-chat' : undefined;
}

export function createAiProxy(): AiProxy {
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true });
  return {
    pass: (exchange, conf, asked, { origin, extraHeaders }) =>
      new Promise((resolve) => {
        const endpoint = new URL(conf.override.endpoint);
        const secure = (origin ?? endpoint).protocol === 'https:';
        const { model: asIs } = asked.body;
        const model = conf.options['model'] ?? asIs;
        exchange.llm = { model: typeof model === 'string' ? model : '' };
        const startedAtMs = performance.now();
        const outgoing = (secure ? httpsRequest : httpRequest)(
          origin ?? endpoint,
          {
            agent: secure ? https : http,
            method: 'POST',
            path: `${endpoint.pathname}${endpoint.search}`,
            headers: headersOf(exchange, conf, endpoint),
            timeout: conf.timeout,
          },
          (incoming) => passDown(exchange, incoming, { protocol: asked.protocol, startedAtMs, extraHeaders }),
        );
        let isLate = false;
        outgoing.on('timeout', () => {
          isLate = true;
          outgoing.destroy(new Error('timeout'));
        });
        outgoing.on('error', () => answerPage(exchange.response, isLate ? 504 : 500, extraHeaders));
        exchange.response.on('close', () => {
          if (!exchange.response.writableFinished) outgoing.destroy();
          resolve();
        });
        outgoing.end(bodyOf(exchange, conf, asked));
      }),
    close() {
      http.destroy();
      https.destroy();
    },
  };
}

const notForwarded = ['host', 'content-length', 'accept-encoding', 'content-type'];

function headersOf({ headers }: Exchange, conf: AiProxyPlugin, endpoint: URL): string[] {
  const own = Object.entries(conf.auth.header).map(([name, value]) => [name.toLowerCase(), value] as const);
  const replaced = new Set([...notForwarded, ...own.map(([name]) => name)]);
  const kept = headers.all.filter(([name]) => !replaced.has(name.toLowerCase()));
  return [
    ...kept.flatMap(([name, value]) => [name.toLowerCase(), value]),
    ...own.flat(),
    ...['content-type', 'application/json', 'host', endpoint.host],
  ];
}

function bodyOf(exchange: Exchange, conf: AiProxyPlugin, { protocol, body }: AiRequest): Buffer {
  const includesUsage = protocol === 'openai-chat' && Boolean(body['stream']);
  const changes = { ...(includesUsage ? { stream_options: { include_usage: true } } : {}), ...conf.options };
  if (Object.keys(changes).length === 0 && exchange.body !== undefined) return exchange.body;
  return Buffer.from(JSON.stringify({ ...body, ...changes }));
}

interface Answering {
  readonly protocol: AiProtocol;
  readonly startedAtMs: number;
  readonly extraHeaders: readonly string[];
}

function passDown(exchange: Exchange, incoming: IncomingMessage, answering: Answering): void {
  const { response } = exchange;
  const status = incoming.statusCode ?? 500;
  if (status === 429 || status >= 500) {
    incoming.resume();
    answerPage(response, status, answering.extraHeaders);
    return;
  }
  const type = incoming.headers['content-type'];
  const headers = [...(type === undefined ? [] : ['content-type', type]), ...answering.extraHeaders];
  incoming.on('error', () => response.destroy());
  if (type?.includes('text/event-stream') === true) passStream(exchange, incoming, { ...answering, status, headers });
  else passWhole(exchange, incoming, { ...answering, status, headers });
}

type Passing = Answering & { readonly status: number; readonly headers: readonly string[] };

function passWhole(exchange: Exchange, incoming: IncomingMessage, passing: Passing): void {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const body = Buffer.concat(chunks);
    const elapsedMs = Math.floor(performance.now() - passing.startedAtMs);
    const parsed = parseObject(body);
    // An answer that is no JSON leaves the counts unset; one without usage counts nothing.
    const usage = parsed && (usageOfAnswer(passing.protocol, parsed) ?? { prompt: 0, completion: 0 });
    tell(exchange, { firstTokenMs: elapsedMs, responseTimeMs: elapsedMs }, usage);
    answer(exchange.response, passing.status, passing.headers, body);
  });
}

function passStream(exchange: Exchange, incoming: IncomingMessage, passing: Passing): void {
  const { response } = exchange;
  const elapsedMs = (): number => Math.floor(performance.now() - passing.startedAtMs);
  const usage = createUsageReader(passing.protocol);
  let firstTokenMs: number | undefined;
  response.writeHead(passing.status, ['server', 'APISIX/3.18.0', ...passing.headers]);
  response.flushHeaders();
  incoming.on('data', (chunk: Buffer) => {
    firstTokenMs ??= elapsedMs();
    usage.take(chunk.toString());
    tell(exchange, { firstTokenMs, responseTimeMs: elapsedMs() }, usage.soFar());
    response.write(chunk);
  });
  incoming.on('end', () => response.end());
}

function tell(
  exchange: Exchange,
  times: { readonly firstTokenMs: number; readonly responseTimeMs: number },
  usage: TokenUsage | undefined,
): void {
  const counts = usage && { promptTokens: usage.prompt, completionTokens: usage.completion };
  exchange.llm = { model: exchange.llm?.model ?? '', ...times, ...counts };
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString());
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
