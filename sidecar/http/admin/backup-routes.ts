import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Router } from 'express';
import type { AdminDeps } from './ports.ts';
import { queryFields } from './read-input.ts';
import { actorOf, requestIdOf } from './request-context.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `POST /backup` answers with the bytes of an encrypted backup. One that breaks off closes the connection. */
export function addBackupRoutes(router: Router, deps: AdminDeps): void {
  router
    .route('/backup')
    .all(named('/backup'))
    .post(async (req, res) => {
      queryFields(req, []);
      const bytes = await deps.takeBackup(actorOf(res, 'backup.take'));
      res.type('application/octet-stream');
      try {
        await pipeline(Readable.from(bytes), res);
      } catch (error) {
        // The answer has begun: that it is not whole is all that can be said to the caller.
        deps.log.error('backup_failed', { request_id: requestIdOf(res), error });
        res.destroy();
      }
    })
    .all(refuseOtherMethods(['POST']));
}
