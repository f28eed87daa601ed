import type { AdminDeps } from './ports.ts';
import { refuse } from './problem.ts';
import type { Fields } from './read-input.ts';

export interface TokenLife {
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}

/** From `ttl` or `expires_at`, and `not_before`. A life beyond the maximum is refused, not shortened. */
export function readTokenLife(
  fields: Fields,
  bounds: { readonly defaultTtlMs: number; readonly maxTtlMs: number },
  deps: Pick<AdminDeps, 'clock' | 'parseDuration'>,
): TokenLife {
  const nowMs = deps.clock.now();
  const ttlMs = readDuration('ttl', fields, deps);
  const expiresAt = fields.time('expires_at');
  const notBeforeMs = fields.time('not_before') ?? 0;
  if (ttlMs !== undefined && expiresAt !== undefined) {
    refuse('bad_request', 'ttl and expires_at exclude each other', { path: 'expires_at' });
  }
  const path = expiresAt === undefined ? 'ttl' : 'expires_at';
  const expiresAtMs = expiresAt ?? nowMs + (ttlMs ?? bounds.defaultTtlMs);
  if (expiresAtMs <= nowMs) refuse('resource_invalid', 'the token would have expired already', { path });
  if (expiresAtMs > nowMs + bounds.maxTtlMs) {
    const days = Math.floor(bounds.maxTtlMs / 86_400_000);
    const most = days >= 1 ? `${days} days` : `${Math.floor(bounds.maxTtlMs / 1_000)} seconds`;
    refuse('resource_invalid', `the token would live longer than ${most}`, {
      path,
      fix: 'choose a shorter life, or raise tokens.max_ttl',
    });
  }
  if (notBeforeMs >= expiresAtMs) {
    refuse('resource_invalid', 'not_before is not before the expiry', { path: 'not_before' });
  }
  return { notBeforeMs, expiresAtMs };
}

/** A duration with a unit; undefined where it was left out. */
export function readDuration(name: string, fields: Fields, deps: Pick<AdminDeps, 'parseDuration'>): number | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const ms = deps.parseDuration(text);
  return (
    ms ?? refuse('bad_request', `${name} must be a duration with a unit (ms, s, m, h, d), such as 30d`, { path: name })
  );
}

/** How long what is replaced stays valid. */
export function readOverlap(
  fields: Fields,
  bounds: { readonly overlapMs: number; readonly maxTtlMs: number },
  deps: Pick<AdminDeps, 'parseDuration'>,
): number {
  const overlapMs = readDuration('overlap', fields, deps) ?? bounds.overlapMs;
  if (overlapMs > bounds.maxTtlMs) refuse('resource_invalid', 'the overlap is longer than a life', { path: 'overlap' });
  return overlapMs;
}
