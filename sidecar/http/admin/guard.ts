import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { ListenAddress } from '../../config/config.ts';
import { CredentialFlowError } from '../../core/error.ts';
import type { Clock, Log } from '../../core/ports.ts';
import { refuse } from './problem.ts';

/** Failed attempts are logged at most this often, with their number. */
const logEveryMs = 1_000;

/**
 * A web page must not talk to this API through the browser of somebody who can reach it: another origin is refused,
 * and a loopback listener answers to loopback names only (DNS rebinding).
 */
export function refuseForeignPages(options: { readonly listen: ListenAddress }): RequestHandler {
  const names = loopbackNames(options.listen);
  return (req, _res, next) => {
    const host = req.headers.host ?? '';
    if (names !== undefined && !names.has(hostnameOf(host))) {
      refuse('bad_request', 'the Host header does not name this listener', { path: 'Host' });
    }
    const { origin } = req.headers;
    if (origin !== undefined && !isSameOrigin(origin, host)) {
      refuse('bad_request', 'a page of another origin may not use the admin API', { path: 'Origin' });
    }
    next();
  };
}

/** Undefined: the listener is not a loopback one, its names are not known here. */
function loopbackNames(listen: ListenAddress): ReadonlySet<string> | undefined {
  if (listen.kind === 'unix') return undefined;
  const host = listen.host.toLowerCase();
  const isLoopback = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
  return isLoopback ? new Set(['localhost', '127.0.0.1', '[::1]', host]) : undefined;
}

function hostnameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '');
}

function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && host !== '' && new URL(origin).host === host.toLowerCase();
}

/** `Authorization: Bearer <admin key>`, before any body is read. Compared by hash, in constant time. */
export function requireAdminKey(
  options: { readonly adminKeyHash: string },
  deps: { readonly clock: Clock; readonly log: Log },
): RequestHandler {
  const expected = Buffer.from(options.adminKeyHash, 'hex');
  if (expected.length !== 32) throw new CredentialFlowError('config_invalid', 'the hash of the admin key has 32 bytes');
  const noteFailure = createFailureLog(deps);
  return (req, _res, next) => {
    const presented = /^bearer +([\u0021-\u007e]+) *$/i.exec(req.headers.authorization ?? '')?.[1];
    const hash = createHash('sha256')
      .update(presented ?? '')
      .digest();
    if (presented !== undefined && timingSafeEqual(hash, expected)) {
      next();
      return;
    }
    noteFailure(req);
    throw new CredentialFlowError('unauthorized');
  };
}

function createFailureLog(deps: { readonly clock: Clock; readonly log: Log }): (req: Request) => void {
  let lastLoggedMs = -Infinity;
  let unlogged = 0;
  return (req) => {
    unlogged += 1;
    const now = deps.clock.monotonic();
    if (now - lastLoggedMs < logEveryMs) return;
    deps.log.warn('admin_unauthorized', { attempts: unlogged, address: req.socket.remoteAddress ?? 'unix' });
    lastLoggedMs = now;
    unlogged = 0;
  };
}
