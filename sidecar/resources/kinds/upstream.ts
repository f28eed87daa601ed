import { z } from 'zod';
import { suggest } from '../../config/closest.ts';
import { formatDuration } from '../../config/units.ts';
import { readPath } from '../../core/path.ts';
import { commonSteeringHeaders, tokenSlotHeaders } from '../../core/preset.ts';
import type { Preset } from '../../core/preset.ts';
import type { InjectionSpec, TokenSlot, UpstreamSpec } from '../../core/resources.ts';
import { durationMs, id, listOf, nonEmptyListOf } from '../fields.ts';
import { headerName } from '../headers.ts';
import { defineKind } from '../kind.ts';
import type { ReadContext } from '../kind.ts';
import {
  checkUpstreamGateway,
  readUpstreamGateway,
  upstreamGateway,
  writeUpstreamGateway,
} from './upstream-gateway.ts';
import { prices, readPrices, writePrices } from './upstream-prices.ts';

const defaultMaxStaleMs = 60_000;
const dayMs = 86_400_000;

const tokenSlot = z.strictObject({
  header: headerName,
  scheme: z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/, 'must be an authentication scheme such as Bearer')
    .optional(),
});

/** APISIX's own ids; a number is what its Admin API makes of `1`. */
const routeId = z
  .union([z.string(), z.int().min(1)], { error: 'must be the id of a route' })
  .transform(String)
  .pipe(z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, 'must be the id of a route: letters, digits and ._-'));

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among upstreams.' }),
    preset: z.string().meta({ description: 'What is known of the API; `generic` where nothing else fits.' }),
    base_url: z.string().optional().meta({ description: 'Absolute http(s) URL, may have a path.' }),
    prefix: z.string().optional().meta({ description: 'Path under which the gateway offers it; default /<id>.' }),
    routes: nonEmptyListOf(routeId, 1_000).optional().meta({ description: "The gateway's route ids; default [<id>]." }),
    encoded_slashes: z.enum(['refuse', 'allow']).optional().meta({ description: 'Whether %2F may be in a path.' }),
    passthrough: listOf(headerName, 100).optional().meta({ description: "Headers that stay the client's own." }),
    steering_headers: listOf(headerName, 100)
      .optional()
      .meta({ description: 'Further headers that are emptied unless a credential pins them.' }),
    token_slots: z
      .array(tokenSlot)
      .min(1)
      .max(8)
      .optional()
      .meta({ description: "Where clients put their token; default the preset's." }),
    injection: z
      .looseObject({ kind: z.string() })
      .optional()
      .meta({ description: "How the secret is put into the request; default the preset's." }),
    identity_header: z.boolean().optional().meta({ description: "Sends the consumer's id in cfconsumer." }),
    max_stale: durationMs(dayMs, '1d')
      .optional()
      .meta({ description: 'How long known tokens are served while changes cannot be read; default 60s.' }),
    prices: prices.optional(),
    gateway: upstreamGateway.optional().meta({ description: 'Wishes for its route; `apisix render` reads them.' }),
  })
  .meta({ description: 'An API behind the gateway.' });

export const upstreamKind = defineKind({
  kind: 'upstream',
  section: 'upstreams',
  schema,
  toSpec(document, context) {
    const { deps, report } = context;
    const preset = deps.presets.get(document.preset);
    if (preset === undefined) {
      const known = [...deps.presets.keys()].sort();
      const near = suggest(document.preset, known);
      const fix = near?.startsWith('did you mean') === true ? `${near} known are ${known.join(', ')}` : near;
      report(['preset'], 'is not a known preset', { fix: fix ?? `known are ${known.join(', ')}` });
      return undefined;
    }
    const baseUrl = readBaseUrl(document.base_url, preset, context);
    const prefix = document.prefix ?? `/${document.id}`;
    const wrongPrefix = prefixProblem(prefix);
    if (wrongPrefix !== undefined) report(['prefix'], wrongPrefix);
    const injection = document.injection as InjectionSpec | undefined;
    if (injection !== undefined) {
      for (const problem of deps.injectionProblems?.(injection) ?? []) report(['injection'], problem);
    }
    const slots: readonly TokenSlot[] = document.token_slots ?? preset.tokenSlots;
    const injected = deps.injectedHeaders(injection ?? preset.injection);
    checkPassthrough(document.passthrough ?? [], slots, injected, context);
    if (document.gateway !== undefined) {
      checkUpstreamGateway(document.gateway, { ...document, prefix, baseUrl, injection, injected }, context.report);
    }
    return {
      preset: preset.id,
      base_url: baseUrl,
      prefix,
      routes: document.routes ?? [document.id],
      encoded_slashes: document.encoded_slashes ?? 'refuse',
      passthrough: document.passthrough ?? [],
      steering_headers: withOwnSlots(document.steering_headers ?? [], document.token_slots ?? [], injected),
      ...(document.token_slots === undefined ? {} : { token_slots: document.token_slots }),
      ...(injection === undefined ? {} : { injection }),
      identity_header: document.identity_header ?? false,
      max_stale_ms: document.max_stale ?? defaultMaxStaleMs,
      ...(document.prices === undefined ? {} : { prices: readPrices(document.prices) }),
      ...(document.gateway === undefined ? {} : { gateway: readUpstreamGateway(document.gateway) }),
    };
  },
  write: (upstreamId, spec) => ({
    id: upstreamId,
    preset: spec.preset,
    base_url: spec.base_url,
    prefix: spec.prefix,
    routes: spec.routes,
    ...(spec.encoded_slashes === 'refuse' ? {} : { encoded_slashes: spec.encoded_slashes }),
    ...(spec.passthrough.length === 0 ? {} : { passthrough: spec.passthrough }),
    ...(spec.steering_headers.length === 0 ? {} : { steering_headers: spec.steering_headers }),
    ...(spec.token_slots === undefined ? {} : { token_slots: spec.token_slots }),
    ...(spec.injection === undefined ? {} : { injection: spec.injection }),
    ...(spec.identity_header ? { identity_header: true } : {}),
    ...(spec.max_stale_ms === defaultMaxStaleMs ? {} : { max_stale: formatDuration(spec.max_stale_ms) }),
    ...(spec.prices === undefined ? {} : { prices: writePrices(spec.prices) }),
    ...(spec.gateway === undefined ? {} : { gateway: writeUpstreamGateway(spec.gateway) }),
  }),
});

function readBaseUrl(text: string | undefined, preset: Preset, { report }: ReadContext): string {
  const written = text ?? preset.baseUrl;
  if (written === undefined) {
    report(['base_url'], `is missing: the preset ${preset.id} has no default`);
    return '';
  }
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(written)) {
    report(['base_url'], 'must be an absolute http or https URL');
    return '';
  }
  if (url.username !== '' || url.password !== '') report(['base_url'], 'must hold no user and no password');
  if (url.search !== '' || written.includes('?')) report(['base_url'], 'must have no query');
  if (url.hash !== '' || written.includes('#')) report(['base_url'], 'must have no fragment');
  // The URL parser resolves dot segments silently, so the path is judged as it was written.
  const path = /^https?:\/\/[^/?#]*(\/[^?#]*)?/i.exec(written)?.[1]?.replace(/\/$/, '') ?? '';
  if (path !== '' && readPath(path, false) === undefined) report(['base_url'], 'must have a path in its normal form');
  const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'http:' && !loopback && !preset.secretOptional) {
    report(['base_url'], 'sends the secret over plain HTTP', { severity: 'warning', fix: 'use https' });
  }
  return written.replace(/\/$/, '');
}

function prefixProblem(prefix: string): string | undefined {
  if (!prefix.startsWith('/')) return 'must start with "/"';
  if (prefix !== '/' && prefix.endsWith('/')) return 'must not end with "/"';
  return readPath(prefix, false) === undefined ? 'must be a path in its normal form' : undefined;
}

function checkPassthrough(
  passthrough: readonly string[],
  slots: readonly TokenSlot[],
  injected: readonly string[],
  { report }: ReadContext,
): void {
  for (const [i, name] of passthrough.entries()) {
    const at = ['passthrough', i];
    if (slots.some(({ header }) => header === name)) report(at, 'is a token slot of this upstream');
    else if (injected.includes(name)) report(at, 'is the header that the secret goes into');
    else if (commonSteeringHeaders.some((header) => header === name)) {
      report(at, 'would let a client act as another method or path than the policy judged');
    }
  }
}

/**
 * A slot of the upstream's own, and a header that only its injection writes, must be emptied like the common ones: else
 * the client's token, or its own value where there is no secret, would go upstream.
 */
function withOwnSlots(
  steering: readonly string[],
  slots: readonly TokenSlot[],
  injected: readonly string[],
): UpstreamSpec['steering_headers'] {
  const common: readonly string[] = tokenSlotHeaders;
  const own = [...slots.map(({ header }) => header), ...injected].filter((header) => !common.includes(header));
  return [...new Set([...steering, ...own])];
}
