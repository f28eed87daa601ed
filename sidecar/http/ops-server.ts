import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Log } from '../core/ports.ts';
import { send, sendProblem } from './data-plane-answers.ts';
import { createHardenedServer, type MakeServer } from './hardened-server.ts';
import { answerHealth, refuseMethod, type Readiness } from './health-routes.ts';

export interface OpsServerDeps {
  readonly metrics: { readonly contentType: string; readonly exposition: () => Promise<string> };
  readonly readiness: () => Readiness;
  readonly log: Log;
}

/** The listener for machines that watch: `/metrics`, `/healthz`, `/readyz`. Not listening yet. */
export function createOpsServer(
  options: { readonly makeServer?: MakeServer | undefined },
  deps: OpsServerDeps,
): { readonly server: Server } {
  async function answerMetrics(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      refuseMethod(res, 'GET, HEAD');
      return;
    }
    send(res, 200, deps.metrics.contentType, await deps.metrics.exposition());
  }

  return {
    server: createHardenedServer(
      (req, res) => {
        const path = (req.url ?? '').split('?', 1)[0] ?? '';
        if (path === '/metrics') {
          answerMetrics(req, res).catch((error: unknown) => {
            deps.log.error('metrics_failed', { error });
            if (!res.headersSent) sendProblem(res, 'internal');
          });
        } else if (!answerHealth(req, res, path, deps.readiness)) sendProblem(res, 'not_found');
      },
      undefined,
      options,
    ),
  };
}
