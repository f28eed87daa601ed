import { z } from 'zod';
import { formatDuration } from '../../config/units.ts';
import type { InjectionSpec, UpstreamGatewaySpec } from '../../core/resources.ts';
import { durationMs, nonEmptyListOf } from '../fields.ts';
import { aiProxy, checkAiProxy, readAiProxy, writeAiProxy } from './upstream-ai-proxy.ts';
import type { Report } from '../report.ts';

const dayMs = 86_400_000;

const host = z
  .string()
  .max(253)
  .regex(/^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'must be a host name such as api.example.com')
  .transform((name) => name.toLowerCase());

/** What an upstream's document may wish of its route at the gateway. */
export const upstreamGateway = z.strictObject({
  hosts: nonEmptyListOf(host, 100).optional().meta({ description: 'Hosts that the route serves; default every host.' }),
  browsers: z.boolean().optional().meta({ description: 'Browsers call it: the route answers CORS preflights.' }),
  secret_in_query: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be the name of a query parameter: letters, digits and ._-')
    .optional()
    .meta({ description: 'Query parameter into which the gateway moves the injected header.' }),
  limit: z
    .strictObject({
      count: z.int().min(1).max(1_000_000_000),
      window: durationMs(dayMs, '1d'),
    })
    .optional()
    .meta({ description: 'Requests of one consumer in a window, at each gateway.' }),
  ai_proxy: aiProxy.optional(),
});

export type UpstreamGatewayDocument = z.infer<typeof upstreamGateway>;

export function readUpstreamGateway(document: UpstreamGatewayDocument): UpstreamGatewaySpec {
  const { hosts = [], browsers = false, secret_in_query: query, limit, ai_proxy: ai } = document;
  return {
    hosts,
    browsers,
    ...(query === undefined ? {} : { secret_in_query: query }),
    ...(limit === undefined ? {} : { limit: { count: limit.count, window_s: limit.window / 1_000 } }),
    ...(ai === undefined ? {} : { ai_proxy: readAiProxy(ai) }),
  };
}

export function writeUpstreamGateway(spec: UpstreamGatewaySpec): Readonly<Record<string, unknown>> {
  const { hosts, browsers, secret_in_query: query, limit, ai_proxy: ai } = spec;
  return {
    ...(hosts.length === 0 ? {} : { hosts }),
    ...(browsers ? { browsers } : {}),
    ...(query === undefined ? {} : { secret_in_query: query }),
    ...(limit === undefined ? {} : { limit: { count: limit.count, window: formatDuration(limit.window_s * 1_000) } }),
    ...(ai === undefined ? {} : { ai_proxy: writeAiProxy(ai) }),
  };
}

/** What only shows beside the rest of the upstream. */
export function checkUpstreamGateway(
  document: UpstreamGatewayDocument,
  upstream: {
    readonly prefix: string;
    readonly baseUrl: string;
    readonly encoded_slashes?: 'refuse' | 'allow' | undefined;
    readonly identity_header?: boolean | undefined;
    readonly injection: InjectionSpec | undefined;
    readonly injected: readonly string[];
  },
  report: Report,
): void {
  const { limit, secret_in_query: query } = document;
  if ((limit !== undefined && limit.window % 1_000 !== 0) || limit?.window === 0) {
    report(['gateway', 'limit', 'window'], 'must be whole seconds, at least 1s');
  }
  if (limit !== undefined && upstream.identity_header !== true) {
    // Any other key is one that a client can write, or one that all clients of a network share.
    report(['gateway', 'limit'], 'counts by cfconsumer', { fix: 'set identity_header: true' });
  }
  if (document.ai_proxy !== undefined) {
    checkAiProxy(document.ai_proxy, { ...upstream, secret_in_query: query }, report);
  }
  if (query === undefined) return;
  const at = ['gateway', 'secret_in_query'];
  if (upstream.injection?.kind !== 'header' || 'prefix' in upstream.injection || upstream.injected.length !== 1) {
    report(at, 'moves one header that holds nothing but the secret', {
      fix: 'set injection: { kind: header, name: cfsecret }',
    });
  }
  if (upstream.encoded_slashes === 'allow') {
    report(at, 'makes the gateway decode the path: encoded slashes would reach the upstream as slashes');
  }
  // A query that Lua sets is ignored where proxy-rewrite is on the route (apisix facts, 5), so nothing can be stripped.
  if (upstream.baseUrl !== '' && trimmed(upstream.prefix) !== trimmed(new URL(upstream.baseUrl).pathname)) {
    report(at, 'works on a route without a rewrite only: prefix must be the path of base_url', {
      fix: 'set prefix: / (and hosts), or the path that base_url has',
    });
  }
}

function trimmed(path: string): string {
  return path === '/' ? '' : path;
}
