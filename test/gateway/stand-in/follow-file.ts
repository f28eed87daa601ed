import { readFileSync, statSync } from 'node:fs';
import type { Route } from './configuration.ts';

const pollMs = 1_000;

/** As the gateway follows apisix.yaml: it looks once a second, compares whole seconds, and keeps what it has if it is bad. */
export function followFile(
  path: string,
  load: (text: string) => readonly Route[],
): { readonly routes: () => readonly Route[]; readonly close: () => void } {
  const changedAt = (): number => Math.floor((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) / 1_000);
  let seen = changedAt();
  let routes = load(readFileSync(path, 'utf8'));
  const timer = setInterval(() => {
    const now = changedAt();
    if (now === 0 || now === seen) return;
    seen = now;
    try {
      routes = load(readFileSync(path, 'utf8'));
    } catch (error) {
      console.error('the stand-in gateway keeps its routes:', error);
    }
  }, pollMs).unref();
  return { routes: () => routes, close: () => clearInterval(timer) };
}
