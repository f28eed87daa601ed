import type { Request, Response, Router } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { Problem } from '../../core/error.ts';
import type { ResourceKind, ResourceRecord, ResourceSpecs } from '../../core/resources.ts';
import { etagOf, requiredRevision } from './preconditions.ts';
import type { AdminDeps } from './ports.ts';
import { refuse } from './problem.ts';
import { idOf, jsonObject, pageOf, queryFields } from './read-input.ts';
import { actorOf } from './request-context.ts';
import type { RouteParts } from './route-parts.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** How the kinds are called in paths. */
export const collections = {
  gateways: 'gateway',
  upstreams: 'upstream',
  credentials: 'credential',
  consumers: 'consumer',
  groups: 'group',
  issuers: 'issuer',
  policies: 'policy',
  limits: 'limit',
  revocations: 'revocation',
} as const satisfies Record<string, ResourceKind>;

/** `/{gateways,upstreams,…}[/:id]`, and `/:id/disable`, `/:id/enable`. */
export function addResourceRoutes(router: Router, deps: AdminDeps, parts: RouteParts): void {
  for (const [collection, kind] of Object.entries(collections)) {
    const list = `/${collection}`;
    router
      .route(list)
      .all(named(list))
      .get(async (req, res) => {
        const page = pageOf(queryFields(req, ['after', 'limit']));
        const records = await deps.store.listResources(kind, page);
        res.json({
          items: records.map((record) => showResource(record, deps)),
          next: records.length < page.limit ? null : (records.at(-1)?.id ?? null),
        });
      })
      .all(refuseOtherMethods(['GET', 'HEAD']));

    const one = `${list}/:id`;
    router
      .route(one)
      .all(named(one))
      .get(async (req, res) => {
        queryFields(req, []);
        sendResource(res, await findResource(kind, idOf(req), deps), deps);
      })
      .put(parts.writes, parts.json, async (req, res) => putResource(kind, req, res, deps))
      .delete(parts.writes, async (req, res) => deleteResource(kind, req, res, deps))
      .all(refuseOtherMethods(['GET', 'HEAD', 'PUT', 'DELETE']));

    for (const action of ['disable', 'enable'] as const) {
      const path = `${one}/${action}`;
      router
        .route(path)
        .all(named(path))
        .post(parts.writes, async (req, res) => {
          queryFields(req, []);
          const id = idOf(req);
          await deps.store.write(
            [{ op: 'set_disabled', kind, id, disabled: action === 'disable' }],
            actorOf(res, `${kind}.${action}`),
          );
          sendResource(res, await findResource(kind, id, deps), deps);
        })
        .all(refuseOtherMethods(['POST']));
    }
  }
}

export async function findResource<K extends ResourceKind>(
  kind: K,
  id: string,
  deps: Pick<AdminDeps, 'store'>,
): Promise<Extract<ResourceRecord, { kind: K }>> {
  const record = await deps.store.getResource(kind, id);
  if (record?.kind !== kind) throw new CredentialFlowError('not_found', `there is no ${kind} with this id`);
  return record as Extract<ResourceRecord, { kind: K }>;
}

export function showResource(record: ResourceRecord, deps: AdminDeps): Readonly<Record<string, unknown>> {
  const health = record.kind === 'credential' ? deps.healthOf(record.id) : undefined;
  return {
    kind: record.kind,
    id: record.id,
    owner: record.owner,
    disabled: record.disabled,
    revision: record.revision,
    created_at: new Date(record.createdAtMs).toISOString(),
    updated_at: new Date(record.updatedAtMs).toISOString(),
    ...(health !== undefined && { health }),
    spec: deps.toBody(record.kind, record.id, record.spec),
  };
}

export function sendResource(
  res: Response,
  record: ResourceRecord,
  deps: AdminDeps,
  more: { readonly created?: boolean; readonly warnings?: readonly Problem[] } = {},
): void {
  const warnings = more.warnings === undefined || more.warnings.length === 0 ? {} : { warnings: more.warnings };
  res.setHeader('etag', etagOf(record));
  res.status(more.created === true ? 201 : 200).json({ ...showResource(record, deps), ...warnings });
}

async function putResource(kind: ResourceKind, req: Request, res: Response, deps: AdminDeps): Promise<void> {
  queryFields(req, []);
  const id = idOf(req);
  const parsed = parseBody(kind, id, jsonObject(req), deps);
  const current = await deps.store.getResource(kind, id);
  const ifRevision = requiredRevision(req, current);
  if (kind === 'credential') await requireUpstream(parsed.spec as ResourceSpecs['credential'], deps);
  const beside = await judgeBeside(kind, id, parsed.spec, deps);
  await deps.store.write(
    [{ op: 'put', kind, id, owner: 'api', spec: parsed.spec, ...(ifRevision === undefined ? {} : { ifRevision }) }],
    actorOf(res, `${kind}.put`),
  );
  const created = current === undefined;
  sendResource(res, await findResource(kind, id, deps), deps, { created, warnings: [...parsed.warnings, ...beside] });
}

async function deleteResource(kind: ResourceKind, req: Request, res: Response, deps: AdminDeps): Promise<void> {
  queryFields(req, []);
  const id = idOf(req);
  const current = await findResource(kind, id, deps);
  const ifRevision = requiredRevision(req, current);
  if (kind === 'upstream') await judgeUpstream(id, undefined, deps);
  const { revision } = await deps.store.write(
    [{ op: 'delete', kind, id, owner: 'api', ...(ifRevision === undefined ? {} : { ifRevision }) }],
    actorOf(res, `${kind}.delete`),
  );
  res.json({ kind, id, deleted: true, revision });
}

/** The path names the resource; a body may say the same, and nothing else. */
export function parseBody(
  kind: ResourceKind,
  id: string,
  body: Readonly<Record<string, unknown>>,
  deps: Pick<AdminDeps, 'parseBody'>,
): { readonly spec: ResourceSpecs[ResourceKind]; readonly warnings: readonly Problem[] } {
  if (Object.hasOwn(body, 'id') && body['id'] !== id) {
    refuse('bad_request', 'the id of the body is not the id of the path', { path: 'id' });
  }
  const parsed = deps.parseBody(kind, { id, ...body });
  if (parsed.ok) return { spec: parsed.spec, warnings: parsed.problems };
  throw new CredentialFlowError('resource_invalid', undefined, { problems: parsed.problems });
}

/** Warnings, by what else there is. */
function judgeBeside(
  kind: ResourceKind,
  id: string,
  spec: ResourceSpecs[ResourceKind],
  deps: Pick<AdminDeps, 'judgeLimit' | 'judgeUpstream'>,
): Promise<readonly Problem[]> | readonly Problem[] {
  switch (kind) {
    case 'limit':
      return judgeLimit(spec as ResourceSpecs['limit'], deps);
    case 'upstream':
      return judgeUpstream(id, spec as ResourceSpecs['upstream'], deps);
    default:
      return [];
  }
}

/** Warnings; throws where a budget would hold nothing any more. */
async function judgeUpstream(
  id: string,
  spec: ResourceSpecs['upstream'] | undefined,
  deps: Pick<AdminDeps, 'judgeUpstream'>,
): Promise<readonly Problem[]> {
  const problems = await deps.judgeUpstream(id, spec);
  if (problems.every(({ severity }) => severity === 'warning')) return problems;
  throw new CredentialFlowError('resource_in_use', undefined, { problems });
}

/** Warnings; throws for a limit that would look like one and hold nothing. */
async function judgeLimit(
  spec: ResourceSpecs['limit'],
  deps: Pick<AdminDeps, 'judgeLimit'>,
): Promise<readonly Problem[]> {
  const problems = (await deps.judgeLimit(spec)).map((problem) => ({ ...problem, path: spec.measure }));
  if (problems.every(({ severity }) => severity === 'warning')) return problems;
  throw new CredentialFlowError('resource_invalid', undefined, { problems });
}

/** A credential of nothing would be stored in silence and serve nobody. */
export async function requireUpstream(
  spec: ResourceSpecs['credential'],
  deps: Pick<AdminDeps, 'store'>,
): Promise<void> {
  if ((await deps.store.getResource('upstream', spec.upstream)) !== undefined) return;
  refuse('resource_invalid', 'there is no upstream with this id', {
    path: 'upstream',
    fix: 'create the upstream first',
  });
}
