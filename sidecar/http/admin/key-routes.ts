import type { Router } from 'express';
import { Secret } from '../../core/secret.ts';
import type { AdminDeps } from './ports.ts';
import { bodyFields, queryFields } from './read-input.ts';
import { actorOf } from './request-context.ts';
import type { RouteParts } from './route-parts.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `/keys`: the versions of the master key. No answer has a key in it. */
export function addKeyRoutes(router: Router, { keys }: AdminDeps, parts: RouteParts): void {
  router
    .route('/keys')
    .all(named('/keys'))
    .get(async (req, res) => {
      queryFields(req, []);
      res.json(await keys.list());
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));

  router
    .route('/keys/rotate')
    .all(named('/keys/rotate'))
    .post(parts.writes, parts.json, async (req, res) => {
      queryFields(req, []);
      const supplied = bodyFields(req, ['key']).text('key');
      res.json(
        await keys.rotate(supplied === undefined ? undefined : new Secret(supplied), actorOf(res, 'keys.rotate')),
      );
    })
    .all(refuseOtherMethods(['POST']));

  router
    .route('/keys/rewrap')
    .all(named('/keys/rewrap'))
    .post(parts.writes, parts.json, async (req, res) => {
      queryFields(req, []);
      const fields = bodyFields(req, ['after', 'every_sidecar_has']);
      const step = await keys.rewrap(
        fields.text('after'),
        fields.text('every_sidecar_has'),
        actorOf(res, 'keys.rewrap'),
      );
      res.json({ ...step, next: step.next ?? null });
    })
    .all(refuseOtherMethods(['POST']));

  router
    .route('/keys/retire')
    .all(named('/keys/retire'))
    .post(parts.writes, parts.json, async (req, res) => {
      queryFields(req, []);
      const fields = bodyFields(req, ['version', 'every_sidecar_has']);
      const version = fields.requiredText('version');
      res.json(await keys.retire(version, fields.text('every_sidecar_has'), actorOf(res, 'keys.retire')));
    })
    .all(refuseOtherMethods(['POST']));
}
