import { Agent, request as httpRequest } from 'node:http';
import type { ForwardAuth } from './configuration.ts';
import type { Exchange } from './exchange.ts';
import { createHeaderList } from './header-list.ts';
import type { HeaderList } from './header-list.ts';
import { forwardedUri, resolveText } from './variables.ts';

/** `3.17`: a header that the answer leaves out is removed from the client's request. `before-3.17`: it is kept. */
export type GatewayVersion = '3.17' | 'before-3.17';

export interface AuthAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

export interface AuthQuestion {
  readonly method: 'GET';
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

export interface AuthCaller {
  /** Rejects where the gateway would have no usable answer. */
  ask(conf: ForwardAuth, question: AuthQuestion): Promise<AuthAnswer>;
  close(): void;
}

/** `$post_arg` makes the gateway read the whole body before it asks. */
export function readsBody({ extra_headers: headers }: ForwardAuth): boolean {
  return Object.values(headers).some((value) => /\$\{?post_arg\./.test(value));
}

/** Exactly what forward-auth sends: nothing of the client's but the listed headers, the first copy of each. */
export function buildQuestion(conf: ForwardAuth, exchange: Exchange): AuthQuestion {
  const { pathname, search, host } = new URL(conf.uri);
  // Keyed by the configured spelling: a listed `x-forwarded-uri` would go out beside the gateway's own.
  const headers = new Map<string, string>([
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-Method', exchange.request.method ?? 'GET'],
    ['X-Forwarded-Host', exchange.host],
    ['X-Forwarded-Uri', forwardedUri(exchange.target)],
    ['X-Forwarded-For', exchange.remoteAddress],
  ]);
  for (const [name, value] of Object.entries(conf.extra_headers)) headers.set(name, resolveText(exchange, value));
  // The gateway's look-up sees a hundred headers, no more.
  const visible = createHeaderList(exchange.headers.all.slice(0, 100).flat());
  for (const name of conf.request_headers) {
    const value = visible.first(name);
    if (value !== undefined && !headers.has(name)) headers.set(name, value);
  }
  headers.set('Host', host);
  headers.set('User-Agent', 'lua-resty-http/0.17.2 (Lua) ngx_lua/10028');
  return { method: 'GET', path: pathname + search, headers: [...headers] };
}

/** What an allow does to the client's request. */
export function applyAllow(conf: ForwardAuth, headers: HeaderList, answer: HeaderList, version: GatewayVersion): void {
  for (const name of conf.upstream_headers) {
    const values = answer.all.filter(([given]) => given.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    if (values.length === 0) {
      if (version === '3.17') headers.remove(name);
    } else {
      headers.set(name, ...values.filter((value) => value !== ''));
    }
  }
}

/** The headers of a denial that reach the client. */
export function denialHeaders(conf: ForwardAuth, answer: HeaderList): readonly (readonly [string, string])[] {
  const listed = conf.client_headers.map((name) => name.toLowerCase());
  const passed = answer.all.filter(([name]) => listed.includes(name.toLowerCase()));
  const typed = passed.some(([name]) => name.toLowerCase() === 'content-type');
  return typed ? passed : [...passed, ['content-type', 'text/plain; charset=utf-8']];
}

/** Keeps connections alive by host, as the gateway does by worker: the first route fixes the size of the pool. */
export function createAuthCaller(): AuthCaller {
  const pools = new Map<string, Agent>();
  const poolOf = (conf: ForwardAuth): Agent | false => {
    if (!conf.keepalive) return false;
    const { host } = new URL(conf.uri);
    const pool = pools.get(host) ?? new Agent({ keepAlive: true, maxFreeSockets: conf.keepalive_pool });
    pools.set(host, pool);
    return pool;
  };
  return {
    ask: (conf, question) => ask(conf, question, poolOf(conf)),
    close: () => {
      for (const pool of pools.values()) pool.destroy();
    },
  };
}

function ask(conf: ForwardAuth, question: AuthQuestion, agent: Agent | false): Promise<AuthAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(conf.uri);
    const { method, path } = question;
    // A control byte (also one that came as %0d%0a in the path) makes this throw: the service is not asked.
    const headers = question.headers.flat();
    const outgoing = httpRequest(
      { agent, hostname, port, method, path, headers, timeout: conf.timeout },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: createHeaderList(incoming.rawHeaders),
            body: Buffer.concat(chunks),
          });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
