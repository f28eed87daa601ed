import type { Request, Response, Router } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { Mutation } from '../../core/ports.ts';
import type { TokenRecord } from '../../core/resources.ts';
import type { AdminDeps, MintedToken } from './ports.ts';
import { refuse } from './problem.ts';
import { bodyFields, idOf, pageOf, queryFields } from './read-input.ts';
import { actorOf } from './request-context.ts';
import type { RouteParts } from './route-parts.ts';
import { readOverlap, readTokenLife } from './token-life.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `/tokens`: issue, list, look at, revoke, rotate. A token is shown once, in the answer that made it. */
export function addTokenRoutes(router: Router, deps: AdminDeps, parts: RouteParts): void {
  router
    .route('/tokens')
    .all(named('/tokens'))
    .get(async (req, res) => listTokens(req, res, deps))
    .post(parts.writes, parts.json, async (req, res) => issueToken(req, res, deps, parts))
    .all(refuseOtherMethods(['GET', 'HEAD', 'POST']));
  router
    .route('/tokens/:id')
    .all(named('/tokens/:id'))
    .get(async (req, res) => {
      queryFields(req, []);
      res.json(showToken(await findToken(idOf(req), deps), deps.clock.now()));
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
  router
    .route('/tokens/:id/revoke')
    .all(named('/tokens/:id/revoke'))
    .post(parts.writes, async (req, res) => revokeToken(req, res, deps))
    .all(refuseOtherMethods(['POST']));
  router
    .route('/tokens/:id/rotate')
    .all(named('/tokens/:id/rotate'))
    .post(parts.writes, parts.json, async (req, res) => rotateToken(req, res, deps, parts))
    .all(refuseOtherMethods(['POST']));
}

/** Never the token itself, which nobody has any more; its hash is no secret. */
export function showToken(token: TokenRecord, nowMs: number): Readonly<Record<string, unknown>> {
  return {
    id: token.id,
    consumer: token.consumer,
    state: stateOf(token, nowMs),
    owner: token.owner,
    description: token.description ?? null,
    not_before: token.notBeforeMs > 0 ? iso(token.notBeforeMs) : null,
    expires_at: iso(token.expiresAtMs),
    scopes: token.scopes ?? null,
    revoked_at: token.revokedAtMs === undefined ? null : iso(token.revokedAtMs),
    rotated_from: token.rotatedFrom ?? null,
    created_at: iso(token.createdAtMs),
    last_used_at: token.lastUsedAtMs === undefined ? null : iso(token.lastUsedAtMs),
    sha256: token.sha256,
    revision: token.revision,
  };
}

function stateOf(token: TokenRecord, nowMs: number): 'active' | 'pending' | 'expired' | 'revoked' {
  if (token.revokedAtMs !== undefined) return 'revoked';
  if (token.expiresAtMs <= nowMs) return 'expired';
  return token.notBeforeMs > nowMs ? 'pending' : 'active';
}

async function listTokens(req: Request, res: Response, deps: AdminDeps): Promise<void> {
  const fields = queryFields(req, ['consumer', 'after', 'limit']);
  const page = pageOf(fields);
  const tokens = await deps.store.listTokens({ consumer: fields.text('consumer') }, page);
  const nowMs = deps.clock.now();
  res.json({
    items: tokens.map((token) => showToken(token, nowMs)),
    next: tokens.length < page.limit ? null : (tokens.at(-1)?.id ?? null),
  });
}

async function issueToken(req: Request, res: Response, deps: AdminDeps, parts: RouteParts): Promise<void> {
  queryFields(req, []);
  const fields = bodyFields(req, ['consumer', 'ttl', 'expires_at', 'not_before', 'description', 'scopes']);
  const consumer = fields.requiredText('consumer');
  const description = fields.text('description');
  const life = readTokenLife(fields, parts, deps);
  const scopes = fields.texts('scopes');
  await requireConsumer(consumer, deps);
  await requirePolicies(scopes ?? [], deps);
  const minted = deps.mintToken();
  const mutation = putToken(minted, {
    consumer,
    ...life,
    scopes,
    ...(description === undefined ? {} : { description }),
  });
  await deps.store.write([mutation], actorOf(res, 'token.issue'));
  await sendOnce(res, minted, deps);
}

async function revokeToken(req: Request, res: Response, deps: AdminDeps): Promise<void> {
  queryFields(req, []);
  const id = idOf(req);
  const token = await findToken(id, deps);
  if (token.revokedAtMs === undefined) {
    await deps.store.write([{ op: 'revoke_token', id, atMs: deps.clock.now() }], actorOf(res, 'token.revoke'));
  }
  res.json(showToken(await findToken(id, deps), deps.clock.now()));
}

/** The new token is for the same consumer; the old one ends after the overlap, and never later than it would have. */
async function rotateToken(req: Request, res: Response, deps: AdminDeps, parts: RouteParts): Promise<void> {
  queryFields(req, []);
  const fields = bodyFields(req, ['overlap', 'ttl', 'expires_at', 'not_before']);
  const life = readTokenLife(fields, parts, deps);
  const overlapMs = readOverlap(fields, parts, deps);
  const old = await findToken(idOf(req), deps);
  if (old.revokedAtMs !== undefined) {
    refuse('bad_request', 'a revoked token cannot be rotated', { path: 'id', fix: 'issue another one' });
  }
  const { consumer, description, scopes } = old;
  await requireConsumer(consumer, deps);
  const minted = deps.mintToken();
  const mutations: Mutation[] = [
    putToken(minted, {
      consumer,
      ...life,
      // What replaces a narrow token is as narrow.
      scopes,
      rotatedFrom: old.id,
      ...(description === undefined ? {} : { description }),
    }),
  ];
  const endsAtMs = deps.clock.now() + overlapMs;
  if (endsAtMs < old.expiresAtMs) mutations.push({ op: 'expire_token', id: old.id, expiresAtMs: endsAtMs });
  await deps.store.write(mutations, actorOf(res, 'token.rotate'));
  const previous = { id: old.id, expires_at: iso(Math.min(endsAtMs, old.expiresAtMs)) };
  await sendOnce(res, minted, deps, { previous });
}

function putToken(
  minted: MintedToken,
  facts: Pick<TokenRecord, 'consumer' | 'notBeforeMs' | 'expiresAtMs' | 'scopes' | 'rotatedFrom' | 'description'>,
): Mutation {
  return { op: 'put_token', token: { id: minted.id, sha256: minted.sha256, owner: 'api', ...facts } };
}

async function requireConsumer(id: string, deps: AdminDeps): Promise<void> {
  if ((await deps.store.getResource('consumer', id)) !== undefined) return;
  refuse('resource_invalid', 'there is no consumer with this id', {
    path: 'consumer',
    fix: 'create the consumer first, or look at its id',
  });
}

/** A scope that names nothing would be a token that can do nothing: a mistake of spelling. */
async function requirePolicies(ids: readonly string[], deps: AdminDeps): Promise<void> {
  for (const [at, id] of ids.entries()) {
    if ((await deps.store.getResource('policy', id)) !== undefined) continue;
    refuse('resource_invalid', 'there is no policy with this id', {
      path: `scopes[${at}]`,
      fix: 'a scope is the id of a policy that the token may use',
    });
  }
}

/** The only place that shows a token. */
async function sendOnce(
  res: Response,
  minted: MintedToken,
  deps: AdminDeps,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { id, ...shown } = showToken(await findToken(minted.id, deps), deps.clock.now());
  res.status(201).json({ id, token: minted.token.reveal(), ...shown, ...more });
}

async function findToken(id: string, deps: AdminDeps): Promise<TokenRecord> {
  const token = await deps.store.getToken(id);
  if (token === undefined) throw new CredentialFlowError('not_found', 'there is no token with this id');
  return token;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
