import type { Request, Response, Router } from 'express';
import type { AdminDeps } from './ports.ts';
import { bodyFields, idOf, queryFields } from './read-input.ts';
import { actorOf } from './request-context.ts';
import { findResource } from './resource-routes.ts';
import type { RouteParts } from './route-parts.ts';
import { readOverlap } from './token-life.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `POST /gateways/:id/rotate`: a new key, shown once; the one before it stays valid for the overlap. */
export function addGatewayRoutes(router: Router, deps: AdminDeps, parts: RouteParts): void {
  const path = '/gateways/:id/rotate';
  router
    .route(path)
    .all(named(path))
    .post(parts.writes, parts.json, async (req, res) => rotateKey(req, res, deps, parts))
    .all(refuseOtherMethods(['POST']));
}

async function rotateKey(req: Request, res: Response, deps: AdminDeps, parts: RouteParts): Promise<void> {
  queryFields(req, []);
  const id = idOf(req);
  const overlapMs = readOverlap(bodyFields(req, ['overlap']), parts, deps);
  const gateway = await findResource('gateway', id, deps);
  const { key, sha256 } = deps.mintGatewayKey();
  const spec = deps.withNewGatewayKey(gateway.spec, sha256, deps.clock.now(), overlapMs);
  await deps.store.write(
    [{ op: 'put', kind: 'gateway', id, owner: 'api', spec, ifRevision: gateway.revision }],
    actorOf(res, 'gateway.rotate'),
  );
  // After the store: until the file has the new key, the old one still starts a sidecar.
  const kept = await deps.keepGatewayKey(id, key);
  const [, previous] = spec.keys;
  res.status(201).json({
    id,
    key: key.reveal(),
    sha256,
    kept,
    previous: previous === undefined ? null : { sha256: previous.sha256, expires_at: previous.expires_at ?? null },
  });
}
