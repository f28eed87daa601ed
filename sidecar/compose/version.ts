import { readFileSync } from 'node:fs';

/** Of the package that this file is in: `sidecar/compose/` and `dist/compose/` are at the same depth. */
export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return manifest.version;
}
