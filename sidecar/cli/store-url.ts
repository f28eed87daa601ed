import { resolve } from 'node:path';
import { readFile } from './read-file.ts';

/**
 * A store's URL as an argument gives it: the URL, or `@FILE` for one that holds a password, which no argument should.
 * Paths of SQLite are made absolute. Throws `config_invalid` for what is no URL of a store; no error repeats it.
 */
export async function readStoreUrl(text: string, cwd: string): Promise<string> {
  const { parseStoreUrl } = await import('../stores/index.ts');
  const url = text.startsWith('@') ? readUrlFile(resolve(cwd, text.slice(1))) : text;
  const { kind, location } = parseStoreUrl(url);
  return kind === 'sqlite' && location !== ':memory:' ? `sqlite:${resolve(cwd, location)}` : url;
}

function readUrlFile(path: string): string {
  return readFile(path, path, "it must hold the store's URL and nothing else").trim();
}
