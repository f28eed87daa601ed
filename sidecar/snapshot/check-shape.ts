import { limitDimensions, limitMeasures } from '../core/limit.ts';
import type { ResourceKind } from '../core/resources.ts';

/**
 * Whether a stored spec still has the shape that its schema gave it. A store can be edited by hand, and a disk can rot:
 * what a decision reads must be what its types say. Throws a RangeError that names the field.
 */
export function checkShape(kind: ResourceKind, spec: unknown): void {
  if (!isObject(spec)) throw new RangeError('what is stored of it cannot be read');
  for (const [field, isRight] of Object.entries(shapes[kind])) {
    if (!isRight(spec[field])) throw new RangeError(`"${field}", as it is stored, is not what it should be`);
  }
}

/** Fields of a spec that have their shape. Nothing where there is no spec. */
export function readableFields(kind: ResourceKind, spec: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(spec)) return {};
  return Object.fromEntries(
    Object.entries(shapes[kind]).flatMap(([field, isRight]) => (isRight(spec[field]) ? [[field, spec[field]]] : [])),
  );
}

type Check = (value: unknown) => boolean;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText: Check = (value) => typeof value === 'string';
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isTextMap: Check = (value) => isObject(value) && Object.values(value).every(isText);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isSlot: Check = (value) => isObject(value) && isText(value['header']) && optional(isText)(value['scheme']);
const isKey: Check = (value) => isObject(value) && isText(value['sha256']) && optional(isText)(value['expires_at']);
const dimensions: readonly string[] = limitDimensions;
const measures: readonly string[] = limitMeasures;
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isLimit: Check = (value) => typeof value === 'number' && value >= 0;
const isPrice: Check = (value) =>
  isObject(value) && isText(value['model']) && isLimit(value['input_micros']) && isLimit(value['output_micros']);

const shapes: Readonly<Record<ResourceKind, Readonly<Record<string, Check>>>> = {
  gateway: { keys: listOf(isKey), upstreams: isTexts, addresses: isTexts },
  upstream: {
    preset: isText,
    base_url: isText,
    prefix: isText,
    routes: isTexts,
    encoded_slashes: (value) => value === 'refuse' || value === 'allow',
    passthrough: isTexts,
    steering_headers: isTexts,
    token_slots: optional(listOf(isSlot)),
    injection: optional((value) => isObject(value) && isText(value['kind'])),
    identity_header: (value) => typeof value === 'boolean',
    max_stale_ms: isLimit,
    prices: optional(listOf(isPrice)),
  },
  credential: {
    upstream: isText,
    secret: optional((value) => isObject(value) && isText(value['from'])),
    weight: optional(isLimit),
    headers: isTextMap,
  },
  consumer: { groups: isTexts, labels: isTextMap },
  limit: {
    consumers: isTexts,
    groups: isTexts,
    labels: isTextMap,
    upstreams: isTexts,
    per: (value) => isTexts(value) && (value as readonly string[]).every((name) => dimensions.includes(name)),
    measure: (value) => measures.includes(value as string),
    most: isLimit,
    window_ms: isLimit,
    mode: (value) => value === 'enforce' || value === 'warn',
    on_cache_loss: (value) => value === 'local' || value === 'deny' || value === 'allow',
  },
  issuer: {
    issuer: isText,
    keys: (value) => isObject(value) && isText(value['from']),
    algorithms: isTexts,
    audience: (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
    required_claims: (value) => isObject(value) && Object.values(value).every(isTexts),
    clock_tolerance_ms: isLimit,
    max_age_ms: optional(isLimit),
    typ: (value) => value === 'any' || value === 'at+jwt',
    consumer: isText,
    consumers: (value) => value === 'known' || value === 'any',
    groups: isTexts,
    scopes: isTexts,
    bound_tokens: (value) => value === 'refuse' || value === 'accept',
    allow_private: (value) => typeof value === 'boolean',
    ca_file: optional(isText),
    bearer: optional((value) => isObject(value) && isText(value['from'])),
    introspection: optional((value) => isObject(value) && isText(value['url']) && isLimit(value['cache_ms'])),
  },
  revocation: {
    issuer: isText,
    token: optional(isText),
    jti: optional(isText),
    subject: optional(isText),
    issued_before: optional(isTime),
    expires_at: optional(isTime),
  },
  group: { member_of: isTexts },
  policy: {
    effect: (value) => value === 'allow' || value === 'deny',
    consumers: isTexts,
    groups: isTexts,
    labels: isTextMap,
    upstreams: isTexts,
    methods: isTexts,
    paths: isTexts,
    not_before: optional(isText),
    expires_at: optional(isText),
    schedule: optional((value) => isObject(value) && isText(value['zone']) && isTexts(value['days']) && optional(isText)(value['hours'])), // prettier-ignore
    when: optional(isText),
    mode: optional((value) => value === 'shadow'),
  },
};
