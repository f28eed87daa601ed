import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson, sendProblem } from './data-plane-answers.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, or what an operator should know; stable words without secrets. */
  readonly reasons: readonly string[];
}

/** `/healthz`: the process answers. `/readyz`: it should be asked (503 while it should not). False: another path. */
export function answerHealth(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  readiness: () => Readiness,
): boolean {
  if (path !== '/healthz' && path !== '/readyz') return false;
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    refuseMethod(res, 'GET, HEAD');
  } else if (path === '/healthz') {
    sendJson(res, 200, { status: 'ok' });
  } else {
    const { ready, reasons } = readiness();
    sendJson(res, ready ? 200 : 503, { ready, reasons });
  }
  return true;
}

/** `methods` as the Allow header lists them. The connection ends: what else comes on it was meant for something else. */
export function refuseMethod(res: ServerResponse, methods: string): void {
  res.shouldKeepAlive = false;
  sendProblem(res, 'method_not_allowed', ['allow', methods]);
}
