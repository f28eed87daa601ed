import type { Router } from 'express';
import type { AdminAuditRow } from '../../core/ports.ts';
import type { AdminDeps } from './ports.ts';
import { queryFields } from './read-input.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `/status`, `/sealing-key`, `/audit`, `/openapi.json`: what the sidecar says about itself. */
export function addSystemRoutes(router: Router, deps: AdminDeps): void {
  router
    .route('/status')
    .all(named('/status'))
    .get(async (req, res) => {
      queryFields(req, []);
      res.json(await deps.status());
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
  router
    .route('/sealing-key')
    .all(named('/sealing-key'))
    .get((req, res) => {
      queryFields(req, []);
      res.json(deps.sealingKey());
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
  router
    .route('/openapi.json')
    .all(named('/openapi.json'))
    .get((req, res) => {
      queryFields(req, []);
      res.type('application/json').send(deps.openApi());
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
  router
    .route('/audit')
    .all(named('/audit'))
    .get(async (req, res) => {
      const limit = queryFields(req, ['limit']).wholeNumber('limit', { min: 1, max: 1_000 }) ?? 100;
      res.json({ items: (await deps.store.listAdminAudit(limit)).map(showRow) });
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
}

function showRow(row: AdminAuditRow): Readonly<Record<string, unknown>> {
  return {
    revision: row.revision,
    at: new Date(row.atMs).toISOString(),
    actor: row.actor,
    action: row.action,
    kind: row.kind,
    id: row.id,
    request_id: row.requestId ?? null,
  };
}
