import type { Cors } from './configuration.ts';
import type { Exchange } from './exchange.ts';

/** The headers that the plugin puts on every answer of its route, denials included. */
export function corsHeaders(conf: Cors, { headers }: Exchange): readonly (readonly [string, string])[] {
  const origin = headers.first('origin');
  const origins = conf.allow_origins.split(',');
  const allowed = origins.length > 1 ? origins.find((known) => known === origin) : conf.allow_origins;
  if (allowed === undefined) return [];
  const asked = conf.allow_headers === '**' ? headers.first('access-control-request-headers') : conf.allow_headers;
  return [
    ['access-control-allow-origin', allowed],
    ...(allowed === '*' ? [] : [['vary', 'Origin'] as const]),
    ['access-control-allow-methods', conf.allow_methods],
    ['access-control-max-age', String(conf.max_age)],
    ...(conf.expose_headers === undefined ? [] : [['access-control-expose-headers', conf.expose_headers] as const]),
    ...(asked === undefined ? [] : [['access-control-allow-headers', asked] as const]),
  ];
}
