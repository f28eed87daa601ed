/**
 * A stand-in for the Admin API of APISIX, for routes only. It is NOT Apache APISIX: a strict imitation of what
 * `apisix sync` leans on. It obeys:
 * - every call needs X-API-KEY (else 401), and is below /apisix/admin
 * - GET of the list wraps each route as {key, value, createdIndex, modifiedIndex}, and an empty list is `{}` (Lua)
 * - PUT and POST /schema/validate/routes check the gateway's own schemas (3.18), and refuse plugins that it does not know;
 *   the dry run stores nothing and answers with an empty body
 * - PUT fills defaults in, and stamps create_time and update_time; 201 for a new route, 200 for one that was there
 * - an id in the body must be that of the path; what is not there is a 404
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';

export type StoredRoute = Readonly<Record<string, unknown>>;

export interface AdminStandIn {
  readonly url: string;
  readonly key: string;
  /** What is stored, by id. */
  readonly routes: Map<string, StoredRoute>;
  /** The same as it was sent, without what the gateway filled in. */
  readonly sent: Map<string, StoredRoute>;
  /** Called after each change. */
  changed: (() => void) | undefined;
  /** `METHOD path`, oldest first. */
  readonly calls: string[];
  /** Asked before each call: a status to answer in its place, or `hang-up` after it was done. */
  fault: ((method: string, path: string) => number | 'hang-up' | undefined) | undefined;
  stop(): Promise<void>;
}

const schemas = JSON.parse(readFileSync(new URL('apisix-3.18-schemas.json', import.meta.url), 'utf8')) as {
  readonly plugins: Readonly<Record<string, object>>;
  readonly route: object;
};

export async function startAdminStandIn(): Promise<AdminStandIn> {
  const key = 'edd1-admin-key-of-the-stand-in';
  const routes = new Map<string, StoredRoute>();
  const calls: string[] = [];
  const check = createChecks();
  const sent = new Map<string, StoredRoute>();
  const standIn: Pick<AdminStandIn, 'fault' | 'changed'> = { fault: undefined, changed: undefined };
  let index = 10;

  const handle = async (request: IncomingMessage): Promise<readonly [status: number, body: unknown] | 'hang-up'> => {
    const { method = '', url = '' } = request;
    const text = await bodyOf(request);
    if (request.headers['x-api-key'] !== key) return [401, { error_msg: 'failed to check token' }];
    const [, path] = /^\/apisix\/admin(\/.*)$/.exec(url) ?? [];
    if (path === undefined) return [404, { error_msg: 'not found' }];
    calls.push(`${method} ${path}`);
    const fault = standIn.fault?.(method, path);
    if (typeof fault === 'number') return [fault, { error_msg: 'a fault of the test' }];
    const answer = answerTo(method, path, text);
    return fault ?? answer;
  };

  const answerTo = (method: string, path: string, text: string): readonly [number, unknown] => {
    if (method === 'POST' && path === '/schema/validate/routes') {
      const refusal = check(JSON.parse(text) as Record<string, unknown>);
      return refusal === undefined ? [200, undefined] : [400, { error_msg: refusal }];
    }
    if (method === 'GET' && path === '/routes') {
      const list = [...routes].map(([id, value]) => wrap(id, value));
      return [200, { total: list.length, list: list.length === 0 ? {} : list }];
    }
    const [, id = ''] = /^\/routes\/([^/?]+)$/.exec(path) ?? [];
    const stored = routes.get(decodeURIComponent(id));
    switch (method) {
      case 'GET':
        return stored === undefined ? [404, { message: 'Key not found' }] : [200, wrap(id, stored)];
      case 'DELETE':
        if (!routes.delete(id)) return [404, { message: 'Key not found' }];
        sent.delete(id);
        standIn.changed?.();
        return [200, { deleted: '1', key: `/apisix/routes/${id}` }];
      case 'PUT': {
        const route = JSON.parse(text) as Record<string, unknown>;
        if (route['id'] !== undefined && route['id'] !== id) return [400, { error_msg: 'wrong route id' }];
        const refusal = check(route);
        if (refusal !== undefined) return [400, { error_msg: refusal }];
        sent.set(id, JSON.parse(text) as StoredRoute);
        routes.set(id, { ...route, id, create_time: stored?.['create_time'] ?? ++index, update_time: ++index });
        standIn.changed?.();
        return [stored === undefined ? 201 : 200, wrap(id, routes.get(id) ?? {})];
      }
      default:
        return [405, { error_msg: 'not supported' }];
    }
  };

  const server = createServer((request, response) => {
    handle(request).then(
      (answer) => (answer === 'hang-up' ? response.destroy() : send(response, answer)),
      () => send(response, [400, { error_msg: 'invalid request body' }]),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(standIn, {
    url: `http://127.0.0.1:${port}`,
    key,
    routes,
    sent,
    calls,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

function wrap(id: string, value: StoredRoute): unknown {
  return { key: `/apisix/routes/${id}`, value, createdIndex: 1, modifiedIndex: 2 };
}

/** Why a route is refused; fills its defaults in. */
function createChecks(): (route: Record<string, unknown>) => string | undefined {
  const ajv = new Ajv({ strict: false, validateFormats: false, logger: false, useDefaults: true });
  const route = ajv.compile(schemas.route);
  const plugins = new Map<string, ValidateFunction>(
    Object.entries(schemas.plugins).map(([name, schema]) => [name, ajv.compile(schema)]),
  );
  return (value) => {
    if (!route(value)) return `invalid configuration: ${ajv.errorsText(route.errors)}`;
    for (const [name, config] of Object.entries((value['plugins'] ?? {}) as Record<string, unknown>)) {
      const validate = plugins.get(name);
      if (validate === undefined) return `unknown plugin [${name}]`;
      if (!validate(config))
        return `failed to check the configuration of plugin ${name} err: ${ajv.errorsText(validate.errors)}`;
    }
    return undefined;
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, [status, body]: readonly [number, unknown]): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}
