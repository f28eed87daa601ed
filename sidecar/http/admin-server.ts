import { once } from 'node:events';
import { createServer } from 'node:http';
import express, { Router } from 'express';
import type { Express } from 'express';
import type { ListenAddress } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import { addDocumentRoutes } from './admin/document-routes.ts';
import { addGatewayRoutes } from './admin/gateway-routes.ts';
import { refuseForeignPages, requireAdminKey } from './admin/guard.ts';
import type { AdminDeps } from './admin/ports.ts';
import { answerErrors } from './admin/problem.ts';
import { openRequest } from './admin/request-context.ts';
import { addResourceRoutes } from './admin/resource-routes.ts';
import type { RouteParts } from './admin/route-parts.ts';
import { addSecretRoutes } from './admin/secret-routes.ts';
import { addSystemRoutes } from './admin/system-routes.ts';
import { addTokenRoutes } from './admin/token-routes.ts';
import { requireDurableStore } from './admin/write-access.ts';

export interface AdminOptions {
  /** Port 0 takes a free one. */
  readonly listen: ListenAddress;
  /** Hex of the SHA-256 of the admin key. */
  readonly adminKeyHash: string;
  readonly tokens: {
    /** Life of a token issued without one, milliseconds. */
    readonly defaultTtlMs: number;
    /** Longest life of an issued token, milliseconds. */
    readonly maxTtlMs: number;
  };
  /** How long what a rotation replaces stays valid, milliseconds; default a day. */
  readonly overlapMs?: number;
}

export interface AdminServer {
  /** Resolves with the bound address, once it accepts connections. */
  listen(): Promise<ListenAddress>;
  /** Takes no new connection, lets open requests finish for `drainMs` (default 0), then cuts them. */
  close(drainMs?: number): Promise<void>;
}

const dayMs = 86_400_000;

/** The admin API of `/api/v1`. Everything but an answer to a stranger needs the admin key. */
export function createAdminServer(options: AdminOptions, deps: AdminDeps): AdminServer {
  const server = createServer({ requestTimeout: 120_000, headersTimeout: 10_000 }, createAdminApp(options, deps));
  return {
    async listen() {
      const { listen } = options;
      if (listen.kind === 'unix') server.listen({ path: listen.path });
      else server.listen({ host: listen.host, port: listen.port });
      await once(server, 'listening');
      const bound = server.address();
      if (bound === null || typeof bound === 'string') return listen;
      return { kind: 'tcp', host: bound.address, port: bound.port };
    },
    async close(drainMs = 0) {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const cancel = deps.clock.after(drainMs, () => server.closeAllConnections());
      await closed;
      cancel();
    },
  };
}

function createAdminApp(options: AdminOptions, deps: AdminDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(openRequest(deps));
  app.use(refuseForeignPages(options));
  app.use(requireAdminKey(options, deps));
  app.use('/api/v1', createRoutes(options, deps));
  app.use(() => {
    throw new CredentialFlowError('not_found');
  });
  app.use(answerErrors(deps));
  return app;
}

function createRoutes(options: AdminOptions, deps: AdminDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const parts: RouteParts = {
    writes: requireDurableStore(deps.store),
    json: express.json({ limit: '1mb', inflate: false }),
    document: express.text({ limit: '64mb', inflate: false, type: () => true }),
    ...options.tokens,
    overlapMs: options.overlapMs ?? dayMs,
  };
  addGatewayRoutes(router, deps, parts);
  addSecretRoutes(router, deps, parts);
  addResourceRoutes(router, deps, parts);
  addTokenRoutes(router, deps, parts);
  addDocumentRoutes(router, deps, parts);
  addSystemRoutes(router, deps);
  return router;
}
