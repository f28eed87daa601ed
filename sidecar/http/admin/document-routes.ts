import type { Request, Response, Router } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { Owner } from '../../core/resources.ts';
import type { AdminDeps } from './ports.ts';
import { refuse } from './problem.ts';
import { queryFields } from './read-input.ts';
import { actorOf } from './request-context.ts';
import type { RouteParts } from './route-parts.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `POST /apply` takes a whole document, `GET /export` gives one. */
export function addDocumentRoutes(router: Router, deps: AdminDeps, parts: RouteParts): void {
  router
    .route('/apply')
    .all(named('/apply'))
    .post(parts.document, async (req, res) => apply(req, res, deps))
    .all(refuseOtherMethods(['POST']));
  router
    .route('/export')
    .all(named('/export'))
    .get(async (req, res) => {
      queryFields(req, []);
      const document = await deps.exportDocument();
      res.vary('accept');
      if (req.accepts(['application/json', 'application/yaml']) === 'application/yaml') {
        res.type('application/yaml').send(document);
      } else {
        res.json({ document });
      }
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
}

async function apply(req: Request, res: Response, deps: AdminDeps): Promise<void> {
  const fields = queryFields(req, ['source', 'prune', 'allow_prune', 'dry_run']);
  const dryRun = fields.flag('dry_run');
  const prune = fields.flag('prune');
  const source = fields.text('source');
  if (!dryRun && !deps.store.durable) {
    res.setHeader('allow', 'GET, HEAD');
    throw new CredentialFlowError('read_only');
  }
  if (prune && source === undefined) {
    refuse('bad_request', 'prune needs a source: it deletes what that source declared before and no longer does', {
      path: 'source',
    });
  }
  const body: unknown = req.body;
  if (typeof body !== 'string' || body.trim() === '') refuse('bad_request', 'the body must be a YAML or JSON document');
  const { report, warnings } = await deps.applyText(body, {
    owner: ownerOf(source),
    file: source ?? 'body',
    prune,
    allowPrune: fields.flag('allow_prune'),
    dryRun,
    actor: actorOf(res, 'apply'),
  });
  res.json({ ...report, dry_run: dryRun, warnings });
}

function ownerOf(source: string | undefined): Owner {
  if (source === undefined) return 'api';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(source)) {
    refuse('bad_request', 'source must be a name of letters, digits, ".", "_" and "-"', { path: 'source' });
  }
  return `file:${source}`;
}
