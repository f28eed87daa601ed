/** The OpenAPI document of the admin API: its operations are here, the shapes of resources come from their schemas. */
import { readVersion } from '../sidecar/compose/package-files.ts';
import { errorTable } from '../sidecar/core/codes.ts';
import { collections } from '../sidecar/http/admin/resource-routes.ts';
import { resourceJsonSchemas } from '../sidecar/resources/resources-schema.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** Below `/api/v1`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Schema;
  /** Of the body; default JSON. */
  readonly bodyType?: string;
  readonly status?: number;
  readonly answer: Schema;
  /** Of the answer; default JSON. */
  readonly answerType?: string;
}

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean', default: false };
const time: Schema = { type: 'string', format: 'date-time' };
const duration: Schema = { type: 'string', examples: ['30d'], description: 'With a unit: ms, s, m, h, d.' };
const anything: Schema = { type: 'object' };
const page = {
  after: { type: 'string', description: 'Those after this id; `next` of the page before.' },
  limit: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
};

function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, required };
}

function listOf(item: Schema): Schema {
  return object({ items: { type: 'array', items: item }, next: { type: ['string', 'null'] } }, ['items']);
}

function resourceOperations(collection: string, kind: string): readonly Operation[] {
  const schema = `${kind}_resource`;
  const path = `/${collection}/{id}`;
  const condition = { 'If-Match': 'The ETag that an answer gave: only if the resource is as it was then.' };
  return [
    { method: 'get', path: `/${collection}`, summary: `List ${collection}`, query: page, answer: listOf(ref(schema)) },
    { method: 'get', path, summary: `Show one of the ${collection}; its ETag is its revision`, answer: ref(schema) },
    {
      method: 'put',
      path,
      summary: `Create (201) or replace (200) one of the ${collection}; the id may be left out of the body`,
      headers: { ...condition, 'If-None-Match': '`*`: only if there is none.' },
      body: { ...ref(kind) },
      answer: ref(schema),
    },
    {
      method: 'delete',
      path,
      summary: `Delete one of the ${collection} that no file owns`,
      headers: condition,
      answer: object({ kind: text, id: text, deleted: { type: 'boolean' }, revision: { type: 'integer' } }),
    },
    ...(['disable', 'enable'] as const).map((action): Operation => {
      const summary = `${action === 'disable' ? 'Take out of service' : 'Let work again'}, whoever owns it`;
      return { method: 'post', path: `${path}/${action}`, summary, answer: ref(schema) };
    }),
  ];
}

const life = { ttl: duration, expires_at: time, not_before: time };
const shownOnce = 'the answer shows it, this once';

const operations: readonly Operation[] = [
  ...Object.entries(collections).flatMap(([collection, kind]) => resourceOperations(collection, kind)),
  {
    method: 'put',
    path: '/credentials/{id}/secret',
    summary: 'Store the secret of a credential; it is sealed at once and in no answer',
    body: object({ secret: text, upstream: { ...text, description: 'Creates the credential for this upstream.' } }, [
      'secret',
    ]),
    answer: ref('credential_resource'),
  },
  {
    method: 'post',
    path: '/gateways/{id}/rotate',
    summary: `Give a gateway a new key: ${shownOnce}`,
    body: object({ overlap: duration }),
    status: 201,
    answer: object({
      id: text,
      key: text,
      sha256: text,
      kept: { type: 'boolean' },
      previous: { type: ['object', 'null'] },
    }),
  },
  {
    method: 'get',
    path: '/tokens',
    summary: 'List tokens; never the tokens themselves',
    query: { consumer: text, ...page },
    answer: listOf(ref('token')),
  },
  {
    method: 'post',
    path: '/tokens',
    summary: `Issue a token: ${shownOnce}`,
    body: object({ consumer: text, ...life, description: text, scopes: { type: 'array', items: text } }, ['consumer']),
    status: 201,
    answer: ref('issued_token'),
  },
  { method: 'get', path: '/tokens/{id}', summary: 'Show a token; never itself', answer: ref('token') },
  { method: 'post', path: '/tokens/{id}/revoke', summary: 'Refuse a token from now on', answer: ref('token') },
  {
    method: 'post',
    path: '/tokens/{id}/rotate',
    summary: `Issue a successor: ${shownOnce}; the old token ends after the overlap`,
    body: object({ overlap: duration, ...life }),
    status: 201,
    answer: ref('issued_token'),
  },
  {
    method: 'post',
    path: '/apply',
    summary: 'Create and change resources from a document',
    query: {
      source: { ...text, description: 'Own what it declares as file:<source>.' },
      prune: { ...flag, description: 'Delete what the source no longer declares.' },
      allow_prune: { ...flag, description: 'Even if that is everything, or over a fifth.' },
      dry_run: flag,
    },
    body: text,
    bodyType: 'application/yaml',
    answer: object({
      created: { type: 'integer' },
      updated: { type: 'integer' },
      unchanged: { type: 'integer' },
      deleted: { type: 'integer' },
      changed: { type: 'array', items: object({ id: text, action: text }) },
      revision: { type: 'integer' },
      dry_run: { type: 'boolean' },
      warnings: { type: 'array', items: ref('problem_place') },
    }),
  },
  {
    method: 'get',
    path: '/export',
    summary: 'Every resource as a document that apply takes back; YAML where Accept asks for application/yaml',
    answer: object({ document: text }, ['document']),
  },
  {
    method: 'post',
    path: '/explain',
    summary: 'Why a request is decided as it is, or (`decision` alone) was',
    body: object({
      decision: text,
      token: text,
      consumer: text,
      scopes: { type: 'array', items: text },
      upstream: text,
      method: text,
      uri: text,
      upstream_uri: text,
      gateway: text,
      headers: { type: 'object', additionalProperties: text },
      address: text,
      model: text,
      time,
    }),
    answer: anything,
  },
  {
    method: 'get',
    path: '/decisions',
    summary: 'The last decisions of this sidecar, newest first',
    query: { limit: { ...page.limit, maximum: 10_000 } },
    answer: listOf(anything),
  },
  { method: 'get', path: '/keys', summary: 'The versions of the master key; never a key', answer: anything },
  {
    method: 'post',
    path: '/keys/rotate',
    summary: 'Make a new version current and seal everything with it',
    body: object({ key: { ...text, description: '32 bytes in base64; default: made here.' } }),
    answer: anything,
  },
  {
    method: 'post',
    path: '/keys/rewrap',
    summary: 'Seal a batch with the current version; again with `after`: `next` of the answer, until it is null',
    body: object({ after: text, every_sidecar_has: text }),
    answer: object({ next: { type: ['string', 'null'] } }, ['next']),
  },
  {
    method: 'post',
    path: '/keys/retire',
    summary: 'Take a version out of use',
    body: object({ version: text, every_sidecar_has: text }, ['version']),
    answer: anything,
  },
  {
    method: 'post',
    path: '/backup',
    summary: 'An encrypted backup of this moment',
    answer: { type: 'string', format: 'binary' },
    answerType: 'application/octet-stream',
  },
  { method: 'get', path: '/status', summary: 'What the sidecar says about itself', answer: anything },
  {
    method: 'get',
    path: '/sealing-key',
    summary: 'With what others seal for this store; not secret',
    answer: anything,
  },
  {
    method: 'get',
    path: '/audit',
    summary: 'The last changes by administrators and files, newest first',
    query: { limit: page.limit },
    answer: listOf(ref('audit_row')),
  },
  { method: 'get', path: '/openapi.json', summary: 'This document', answer: anything },
];

const textOrNull: Schema = { type: ['string', 'null'] };
const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const tokenFields: Readonly<Record<string, Schema>> = {
  id: text,
  consumer: text,
  state: { enum: ['active', 'pending', 'expired', 'revoked'] },
  owner: text,
  description: textOrNull,
  not_before: timeOrNull,
  expires_at: time,
  scopes: { type: ['array', 'null'], items: text },
  revoked_at: timeOrNull,
  rotated_from: textOrNull,
  created_at: time,
  last_used_at: timeOrNull,
  sha256: text,
  revision: { type: 'integer' },
};

function strict(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { ...object(properties, required), additionalProperties: false };
}

function envelopeOf(kind: string): Schema {
  const warnings = { type: 'array', items: ref('problem_place') };
  return strict(
    {
      kind: { const: kind },
      id: text,
      owner: { type: 'string', description: '`api` or `file:<source>`.' },
      disabled: { type: 'boolean' },
      revision: { type: 'integer' },
      created_at: time,
      updated_at: time,
      spec: ref(kind),
      health: anything,
      warnings,
    },
    ['health', 'warnings'],
  );
}

const common: Readonly<Record<string, Schema>> = {
  token: strict(tokenFields),
  issued_token: strict({ ...tokenFields, token: text, previous: object({ id: text, expires_at: time }) }, ['previous']),
  audit_row: strict({ revision: { type: 'integer' }, at: time, actor: text, action: text, kind: text, id: text, request_id: textOrNull }), // prettier-ignore
  problem_place: strict(
    {
      severity: { enum: ['error', 'warning'] },
      message: text,
      fix: text,
      file: text,
      line: { type: 'integer' },
      column: { type: 'integer' },
      path: text,
    },
    ['fix', 'file', 'line', 'column', 'path'],
  ),
  problem: strict(
    {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: { enum: Object.keys(errorTable) },
      fix: text,
      errors: { type: 'array', items: ref('problem_place') },
      request_id: text,
    },
    ['detail'],
  ),
};

/** OpenAPI 3.1. */
export function openApiDocument(): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = describe(operation);
  const resources = resourceJsonSchemas();
  const envelopes = Object.keys(resources).map((kind) => [`${kind}_resource`, envelopeOf(kind)] as const);
  return {
    openapi: '3.1.0',
    info: {
      title: 'CredentialFlow admin API',
      version: readVersion(),
      description: 'What docs/resources.md and docs/errors.md say about resources and errors holds here.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:9281/api/v1' }],
    security: [{ admin_key: [] }],
    paths,
    components: {
      securitySchemes: { admin_key: { type: 'http', scheme: 'bearer' } },
      schemas: { ...resources, ...Object.fromEntries(envelopes), ...common },
    },
  };
}

function describe(operation: Operation): Schema {
  const {
    method,
    path,
    summary,
    query = {},
    headers = {},
    body,
    bodyType,
    status = 200,
    answer,
    answerType,
  } = operation;
  const parameters = [
    ...(path.includes('{id}') ? [{ name: 'id', in: 'path', required: true, schema: text }] : []),
    ...Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema })),
    ...Object.entries(headers).map(([name, description]) => ({ name, in: 'header', description, schema: text })),
  ];
  const content = { [answerType ?? 'application/json']: { schema: answer } };
  const good = { description: 'Done', content };
  return {
    operationId: `${method}_${path.replace(/\W+/g, '_').replace(/^_|_$/g, '')}`,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { content: { [bodyType ?? 'application/json']: { schema: body } } } }),
    responses: {
      [status]: good,
      ...(method === 'put' ? { 201: { ...good, description: 'Created' } } : {}),
      default: {
        description: 'A problem (RFC 9457)',
        content: { 'application/problem+json': { schema: ref('problem') } },
      },
    },
  };
}
