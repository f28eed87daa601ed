import { randomBytes } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { Actor } from '../../core/ports.ts';
import type { AdminDeps } from './ports.ts';

/** Names every request, tells browsers to keep and guess nothing, and reports the request once it is over. */
export function openRequest(deps: Pick<AdminDeps, 'clock' | 'observe'>): RequestHandler {
  return (req, res, next) => {
    const startedMs = deps.clock.monotonic();
    const requestId = `adm_${randomBytes(9).toString('base64url')}`;
    res.locals['requestId'] = requestId;
    res.setHeader('x-request-id', requestId);
    res.setHeader('cache-control', 'no-store');
    res.setHeader('x-content-type-options', 'nosniff');
    res.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
    res.setHeader('referrer-policy', 'no-referrer');
    res.setHeader('cross-origin-resource-policy', 'same-origin');
    res.on('close', () => {
      const matched: unknown = res.locals['route'];
      deps.observe?.({
        method: req.method,
        route: typeof matched === 'string' ? matched : 'none',
        status: res.statusCode,
        durationMs: deps.clock.monotonic() - startedMs,
      });
    });
    next();
  };
}

export function requestIdOf(res: Response): string {
  const id: unknown = res.locals['requestId'];
  return typeof id === 'string' ? id : '';
}

/** Who makes the change that this request asks for. There is one administrator: whoever holds the admin key. */
export function actorOf(res: Response, action: string): Actor {
  return { name: 'admin', action, requestId: requestIdOf(res) };
}
