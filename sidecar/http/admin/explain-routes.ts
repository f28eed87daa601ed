import type { Request, Router } from 'express';
import { redact } from '../../core/redact.ts';
import { Secret } from '../../core/secret.ts';
import type { AdminDeps, ExplainRequest, Explanations } from './ports.ts';
import { refuse } from './problem.ts';
import { bodyFields, queryFields } from './read-input.ts';
import type { RouteParts } from './route-parts.ts';
import { named, refuseOtherMethods } from './write-access.ts';

/** `POST /explain`: why a request is, or was, decided as it is. `GET /decisions`: the last ones, the newest first. */
export function addExplainRoutes(router: Router, { explanations }: AdminDeps, parts: RouteParts): void {
  router
    .route('/explain')
    .all(named('/explain'))
    .post(parts.json, async (req, res) => {
      // A path may hold anything, a token too.
      res.type('json').send(redact(JSON.stringify(await answer(req, explanations))));
    })
    .all(refuseOtherMethods(['POST']));
  router
    .route('/decisions')
    .all(named('/decisions'))
    .get((req, res) => {
      const limit = queryFields(req, ['limit']).wholeNumber('limit', { min: 1, max: 10_000 }) ?? 100;
      res.type('json').send(redact(JSON.stringify({ items: explanations.decisions(limit) })));
    })
    .all(refuseOtherMethods(['GET', 'HEAD']));
}

const fieldNames = ['decision', 'token', 'consumer', 'scopes', 'upstream', 'method', 'uri', 'upstream_uri', 'gateway', 'headers', 'address', 'model', 'time'] as const; // prettier-ignore

async function answer(req: Request, explanations: Explanations): Promise<unknown> {
  queryFields(req, []);
  const fields = bodyFields(req, fieldNames);
  const decision = fields.text('decision');
  if (decision !== undefined) {
    const others = fieldNames.filter((name) => name !== 'decision' && name in (req.body as object));
    if (others.length > 0) refuse('bad_request', 'a decision is explained as it was', { path: others[0] ?? '' });
    return explanations.explainDecision(decision);
  }
  const token = fields.text('token');
  const consumer = fields.text('consumer');
  if ((token === undefined) === (consumer === undefined)) {
    refuse('bad_request', 'either a token or a consumer must be given', { path: 'consumer' });
  }
  const uri = fields.requiredText('uri');
  if (!uri.startsWith('/')) refuse('bad_request', 'uri must start with "/"', { path: 'uri' });
  const request: ExplainRequest = {
    token: token === undefined ? undefined : new Secret(token),
    consumer,
    scopes: fields.texts('scopes'),
    upstream: fields.requiredText('upstream'),
    method: fields.requiredText('method').toUpperCase(),
    uri,
    upstreamUri: fields.text('upstream_uri'),
    gateway: fields.text('gateway'),
    headers: headersOf(fields, explanations),
    atMs: fields.time('time'),
  };
  return explanations.explain(request);
}

function headersOf(
  fields: ReturnType<typeof bodyFields>,
  { isReadable }: Explanations,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields.textMap('headers') ?? {})) {
    const lower = name.toLowerCase();
    if (!isReadable(lower)) {
      refuse('bad_request', 'this is no header that a condition may read', { path: 'headers', fix: 'docs/policies.md lists them' }); // prettier-ignore
    }
    headers[lower] = value;
  }
  const address = fields.text('address');
  if (address !== undefined) headers['x-forwarded-for'] = address;
  const model = fields.text('model');
  if (model !== undefined) headers['x-cf-arg-model'] = model;
  return headers;
}
