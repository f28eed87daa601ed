import type { Request, Response, Router } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { CredentialSpec } from '../../core/resources.ts';
import { Secret } from '../../core/secret.ts';
import type { AdminDeps } from './ports.ts';
import { bodyFields, idOf, queryFields } from './read-input.ts';
import { actorOf } from './request-context.ts';
import { findResource, parseBody, requireUpstream, sendResource } from './resource-routes.ts';
import type { RouteParts } from './route-parts.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/**
 * `PUT /credentials/:id/secret`: the one way in for a secret in clear. It is sealed here, for this credential only, and
 * never leaves in any answer. With `upstream` in the body a missing credential is created.
 */
export function addSecretRoutes(router: Router, deps: AdminDeps, parts: RouteParts): void {
  const path = '/credentials/:id/secret';
  router
    .route(path)
    .all(named(path))
    .put(parts.writes, parts.json, async (req, res) => putSecret(req, res, deps))
    .all(refuseOtherMethods(['PUT']));
}

async function putSecret(req: Request, res: Response, deps: AdminDeps): Promise<void> {
  queryFields(req, []);
  const id = idOf(req);
  const fields = bodyFields(req, ['secret', 'upstream']);
  const plaintext = new Secret(fields.requiredText('secret'));
  const upstream = fields.text('upstream');
  requireHeaderText(plaintext);
  const current = await deps.store.getResource('credential', id);
  const spec = current?.kind === 'credential' ? current.spec : await newCredential(id, upstream, deps);
  const secret = await deps.sealSecret(plaintext, `credential/${id}`);
  await deps.store.write(
    [
      {
        op: 'put',
        kind: 'credential',
        id,
        owner: 'api',
        spec: { ...spec, secret },
        ifRevision: current?.revision ?? 0,
      },
    ],
    actorOf(res, 'credential.set_secret'),
  );
  sendResource(res, await findResource('credential', id, deps), deps, { created: current === undefined });
}

async function newCredential(id: string, upstream: string | undefined, deps: AdminDeps): Promise<CredentialSpec> {
  if (upstream === undefined) {
    throw new CredentialFlowError('not_found', 'there is no credential with this id', {
      problems: [
        { severity: 'error', message: 'there is no credential with this id', fix: 'name its upstream to create it' },
      ],
    });
  }
  const spec = parseBody('credential', id, { upstream }, deps).spec as CredentialSpec;
  await requireUpstream(spec, deps);
  return spec;
}

/** Said at once and in words, rather than by the first request that is denied (RFC 9110, 5.5). */
function requireHeaderText(secret: Secret): void {
  const fault = /[\u0000-\u0008\u000a-\u001f\u007f]/.test(secret.reveal()) // eslint-disable-line no-control-regex
    ? 'the secret has a control character or a line break in it, which no header may carry'
    : /[^\u0000-\u00ff]/.test(secret.reveal()) // eslint-disable-line no-control-regex
      ? 'the secret has characters beyond latin-1 in it, which no header may carry'
      : /^\s|\s$/.test(secret.reveal())
        ? 'the secret begins or ends with white space'
        : undefined;
  if (fault === undefined) return;
  throw new CredentialFlowError('secret_invalid', fault, {
    problems: [{ severity: 'error', message: fault, path: 'secret' }],
  });
}
