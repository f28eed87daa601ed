/**
 * A stand-in for the gateway. It is NOT Apache APISIX: it is a strict imitation, on node:http, of what a standalone
 * APISIX 3.17 or 3.18 does with this project's configuration, for tests and for the demo on a machine without one.
 *
 * It reads the real apisix.yaml (`${{NAME}}` from a given environment; an unknown plugin or field is an error) and obeys:
 * - routes by host, exact path, longest prefix, priority; the match is on nginx's decoded, normalised path
 * - rewrite phase (cors, proxy-rewrite) before access phase (forward-auth); http-logger last
 * - no proxy-rewrite: the upstream gets the raw path; with one: the normalised, rewritten, re-encoded one, which
 *   `$upstream_uri` carries with its query; `use_real_request_uri_unsafe`: the raw one
 * - forward-auth in GET mode over kept-alive connections: X-Forwarded-* that no client can set, listed headers only,
 *   the first copy of a repeated one, nothing after the hundredth; control bytes and failures: `status_on_error`
 * - an allow replaces all copies of the listed headers, an empty value removes, an absent one removes from 3.17 on
 * - a denial's status and body pass; of its headers only the listed ones, `text/plain` where none says otherwise
 * - two Authorization headers, a header line over 8 KB: 400; names with underscores are dropped where the
 *   configuration says so
 * - ai-proxy between forward-auth and limit-count, which sends by itself (stand-in/ai-proxy.ts says what it obeys)
 * - limit-count counts by a variable after forward-auth; serverless-post-function runs its own Lua, last
 * - a body is read as a whole where the question wants a field of it ($post_arg, of JSON), else bodies stream both
 *   ways; log entries go out in batches, at least once
 * - with `apisixYamlFile` the file is looked at once a second and loaded when its time of change is another second
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createAiProxy, readAiRequest } from './stand-in/ai-proxy.ts';
import { answer, answerPage } from './stand-in/answers.ts';
import { readRoutes } from './stand-in/configuration.ts';
import { followFile } from './stand-in/follow-file.ts';
import type { ForwardAuth, Route } from './stand-in/configuration.ts';
import { corsHeaders } from './stand-in/cors.ts';
import type { Exchange } from './stand-in/exchange.ts';
import { applyAllow, buildQuestion, createAuthCaller, denialHeaders, readsBody } from './stand-in/forward-auth.ts';
import type { AuthAnswer, AuthQuestion, GatewayVersion } from './stand-in/forward-auth.ts';
import { createHeaderList } from './stand-in/header-list.ts';
import { createLogBatches } from './stand-in/http-logger.ts';
import { createLimitCounts } from './stand-in/limit-count.ts';
import { hasOversizedHeader, withoutUnderscores } from './stand-in/limits.ts';
import { parseTarget } from './stand-in/nginx-uri.ts';
import { rewriteUri } from './stand-in/proxy-rewrite.ts';
import { createProxy } from './stand-in/proxy.ts';
import { recordQuestion } from './stand-in/recording.ts';
import type { RecordedQuestion } from './stand-in/recording.ts';
import { matchRoute } from './stand-in/router.ts';
import { variantOf } from './stand-in/variant.ts';
import type { PathMode } from './stand-in/variant.ts';

export interface StandInOptions {
  /** Text of apisix.yaml. */
  readonly apisixYaml: string;
  /** The file in its place, which is followed. */
  readonly apisixYamlFile?: string | undefined;
  /** What this gateway makes of a route: a fault of a test. */
  readonly distort?: ((route: Route) => Route) | undefined;
  /** For `${{NAME}}`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Origin of the sidecar's data plane, in place of http://127.0.0.1:9280. */
  readonly sidecar?: string | undefined;
  /** Origins in place of the routes' nodes, by route id. */
  readonly nodes?: Readonly<Record<string, string>> | undefined;
  /** Default `3.17`. */
  readonly version?: GatewayVersion | undefined;
  /** Default `as-configured`. */
  readonly mode?: PathMode | undefined;
  /** Of config.yaml; default `off`, as this project's says. */
  readonly underscoresInHeaders?: 'on' | 'off' | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
}

export interface StandInGateway {
  /** Of the running gateway, without a slash at the end. */
  readonly url: string;
  /** What the gateway asked and was answered, oldest first, at most 1,000; secrets are masked. */
  readonly questions: readonly RecordedQuestion[];
  /** Sends the log entries that wait and resolves when they were taken. */
  flushLogs(): Promise<void>;
  stop(): Promise<void>;
}

const maxRecorded = 1_000;

/** Loads the configuration, listens on 127.0.0.1 and resolves. Throws for a configuration that it does not understand. */
export async function startStandInGateway(options: StandInOptions): Promise<StandInGateway> {
  const load = (text: string): readonly Route[] => {
    const loaded = readRoutes(text, options.env).map((route) => variantOf(route, options));
    return options.distort === undefined ? loaded : loaded.map(options.distort);
  };
  const followed = options.apisixYamlFile === undefined ? undefined : followFile(options.apisixYamlFile, load);
  const fixed = followed === undefined ? load(options.apisixYaml) : [];
  const version = options.version ?? '3.17';
  const underscores = options.underscoresInHeaders ?? 'off';
  const auth = createAuthCaller();
  const proxy = createProxy();
  const aiProxy = createAiProxy();
  const logs = createLogBatches();
  const limits = createLimitCounts();
  const questions: RecordedQuestion[] = [];

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const opened = open(request, response, followed?.routes() ?? fixed, underscores);
    if (opened === undefined) return;
    const { cors, 'http-logger': logger } = opened.route.plugins;
    if (logger !== undefined) response.on('close', () => logs.add(logger, opened));
    const extra = cors === undefined ? [] : corsHeaders(cors, opened).flat();
    if (cors !== undefined && request.method === 'OPTIONS') {
      answer(response, 200, extra, Buffer.alloc(0));
      return;
    }
    const { 'proxy-rewrite': rewrite, 'forward-auth': forwardAuth } = opened.route.plugins;
    if (rewrite !== undefined) opened.upstreamUri = rewriteUri(rewrite, opened);
    if (forwardAuth !== undefined && !(await authorize(forwardAuth, opened, extra))) return;
    const { 'ai-proxy': ai } = opened.route.plugins;
    const asked = ai && (await readAiRequest(opened, ai, extra));
    if (ai !== undefined && asked === undefined) return;
    if (!(await afterAuth(opened, extra))) return;
    if (ai !== undefined && asked !== undefined) {
      const to = { origin: overrideOf(opened.route, options), extraHeaders: extra };
      await aiProxy.pass(opened, ai, asked, to);
      return;
    }
    await proxy.pass(opened, originOf(opened.route, options), extra);
  };

  /** The access phase behind forward-auth, in the order of the plugins' priorities. */
  const afterAuth = async (exchange: Exchange, extra: readonly string[]): Promise<boolean> => {
    const { 'limit-count': limit, 'serverless-post-function': post } = exchange.route.plugins;
    if (limit !== undefined && !limits.take(limit, exchange)) {
      refuse(exchange, () => answerPage(exchange.response, limit.rejected_code, extra));
      return false;
    }
    if (post === undefined) return true;
    // Few configurations need a Lua, and it takes its time to load.
    const { runPostFunction } = await import('./stand-in/post-function.ts');
    for (const code of post.functions) {
      const status = runPostFunction(code, exchange);
      if (status === undefined) continue;
      refuse(exchange, () => answerPage(exchange.response, status, extra));
      return false;
    }
    return true;
  };

  const authorize = async (conf: ForwardAuth, exchange: Exchange, extra: readonly string[]): Promise<boolean> => {
    if (readsBody(conf)) exchange.body = await buffer(exchange.request);
    const question = buildQuestion(conf, exchange);
    const reply = await askSafely(conf, question);
    questions.push(recordQuestion(exchange.route.id, question, reply));
    if (questions.length > maxRecorded) questions.shift();
    if (reply === undefined) {
      if (conf.allow_degradation) return true;
      refuse(exchange, () => answerPage(exchange.response, conf.status_on_error, extra));
      return false;
    }
    if (reply.status >= 300) {
      refuse(exchange, () => {
        if (reply.status === 499) exchange.response.destroy();
        else
          answer(exchange.response, reply.status, [...denialHeaders(conf, reply.headers).flat(), ...extra], reply.body);
      });
      return false;
    }
    applyAllow(conf, exchange.headers, reply.headers, version);
    return true;
  };

  const askSafely = async (conf: ForwardAuth, question: AuthQuestion): Promise<AuthAnswer | undefined> => {
    try {
      return await auth.ask(conf, question);
    } catch {
      return undefined;
    }
  };

  const server = createServer({ maxHeaderSize: 40_960, keepAliveTimeout: 60_000 }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      console.error('the stand-in gateway failed', error);
      response.destroy();
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    questions,
    flushLogs: () => logs.flush(),
    async stop() {
      followed?.close();
      logs.close();
      auth.close();
      proxy.close();
      aiProxy.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What nginx itself does before any plugin runs. Undefined: answered. */
function open(
  request: IncomingMessage,
  response: ServerResponse,
  routes: readonly Route[],
  underscores: 'on' | 'off',
): Exchange | undefined {
  const raw = underscores === 'off' ? withoutUnderscores(request.rawHeaders) : request.rawHeaders;
  const headers = createHeaderList(raw);
  const target = parseTarget(request.url ?? '/');
  if (target === undefined || hasOversizedHeader(raw) || headers.count('authorization') > 1) {
    request.resume();
    answerPage(response, 400, ['connection', 'close']);
    return undefined;
  }
  const host = (target.authority ?? headers.first('host') ?? '').replace(/:\d*$/, '').toLowerCase();
  const route = matchRoute(routes, { uri: target.uri, host, method: request.method ?? 'GET' });
  if (route === undefined) {
    request.resume();
    answer(response, 404, ['content-type', 'application/json'], Buffer.from('{"error_msg":"404 Route Not Found"}\n'));
    return undefined;
  }
  return {
    request,
    response,
    route,
    target,
    host,
    headers,
    requestId: randomBytes(16).toString('hex'),
    remoteAddress: request.socket.remoteAddress ?? '127.0.0.1',
    startedAtMs: performance.now(),
    upstreamUri: '',
    sentUri: undefined,
    upstream: undefined,
    body: undefined,
    llm: undefined,
  };
}

/** The body of a refused request is read and thrown away, so that the connection can go on. */
function refuse(exchange: Exchange, respond: () => void): void {
  exchange.request.resume();
  respond();
}

function overrideOf({ id }: Route, { nodes }: StandInOptions): URL | undefined {
  const override = nodes?.[id];
  return override === undefined ? undefined : new URL(override);
}

function originOf(route: Route, options: StandInOptions): URL {
  const { id, upstream } = route;
  const override = overrideOf(route, options);
  if (override !== undefined) return override;
  const [node] = upstream.nodes;
  if (node === undefined) throw new Error(`route ${id} has no node`);
  return new URL(`${upstream.scheme}://${node.host}${node.port === undefined ? '' : `:${node.port}`}`);
}
