import type { RequestHandler } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { Store } from '../../core/ports.ts';

/** Where the resource file is the only authority, a change made here would be gone with the process. */
export function requireDurableStore(store: Pick<Store, 'durable'>): RequestHandler {
  return (_req, res, next) => {
    if (!store.durable) {
      res.setHeader('allow', 'GET, HEAD');
      throw new CredentialFlowError('read_only');
    }
    next();
  };
}

/** The last handler of a path: every method that has none of its own. */
export function refuseOtherMethods(allowed: readonly string[]): RequestHandler {
  return (_req, res) => {
    res.setHeader('allow', allowed.join(', '));
    throw new CredentialFlowError('method_not_allowed');
  };
}

/** Names the route for the metrics: the pattern, so that ids never become labels. */
export function named(route: string): RequestHandler {
  return (_req, res, next) => {
    res.locals['route'] = route;
    next();
  };
}
