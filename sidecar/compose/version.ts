import { readFileSync } from 'node:fs';

/** Of the package, read beside it: the same from source and from dist/. */
export const version = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
