import { readFileSync } from 'node:fs';

/** Files of the package that this one is in: `sidecar/compose/` and `dist/compose/` are at the same depth. */
export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return manifest.version;
}

/** The OpenAPI document of the admin API, as JSON. Generated: docs/openapi.ts. */
export function readOpenApi(): string {
  return readFileSync(new URL('../../schemas/openapi.json', import.meta.url), 'utf8');
}
