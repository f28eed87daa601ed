import type { Server } from 'node:http';
import express, { Router } from 'express';
import type { Express } from 'express';
import type { ListenAddress } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import { addBackupRoutes } from './admin/backup-routes.ts';
import { addDocumentRoutes } from './admin/document-routes.ts';
import { addExplainRoutes } from './admin/explain-routes.ts';
import { addGatewayRoutes } from './admin/gateway-routes.ts';
import { refuseForeignPages, requireAdminKey } from './admin/guard.ts';
import { addKeyRoutes } from './admin/key-routes.ts';
import type { AdminDeps } from './admin/ports.ts';
import { answerErrors } from './admin/problem.ts';
import { openRequest } from './admin/request-context.ts';
import { addResourceRoutes } from './admin/resource-routes.ts';
import type { RouteParts } from './admin/route-parts.ts';
import { addSecretRoutes } from './admin/secret-routes.ts';
import { addSystemRoutes } from './admin/system-routes.ts';
import { addTokenRoutes } from './admin/token-routes.ts';
import { requireDurableStore } from './admin/write-access.ts';
import { createHardenedServer, type MakeServer } from './hardened-server.ts';

export interface AdminOptions {
  /** Default: plain HTTP. */
  readonly makeServer?: MakeServer | undefined;
  /** Where the server will listen: a loopback listener answers to loopback names only. */
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

const dayMs = 86_400_000;

/** The admin API of `/api/v1`. Everything needs the admin key. Not listening yet. */
export function createAdminServer(options: AdminOptions, deps: AdminDeps): { readonly server: Server } {
  const app = createAdminApp(options, deps);
  return {
    server: createHardenedServer((req, res) => void app(req, res), undefined, { makeServer: options.makeServer }),
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

/** The routes below `/api/v1`; schemas/openapi.json describes each of them. */
export function createRoutes(options: Pick<AdminOptions, 'tokens' | 'overlapMs'>, deps: AdminDeps): Router {
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
  addExplainRoutes(router, deps, parts);
  addKeyRoutes(router, deps, parts);
  addBackupRoutes(router, deps);
  addSystemRoutes(router, deps);
  return router;
}
