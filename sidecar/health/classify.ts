import type { UpstreamOutcome } from '../core/ports.ts';
import type { DeadKeyRule, Preset } from '../core/preset.ts';
import { readPause } from './read-pause.ts';

/** What one request says about its key. */
export type Evidence =
  /** The upstream took it. */
  | { readonly kind: 'accepted' }
  /** Nothing: the request itself was wrong, or is about something else. */
  | { readonly kind: 'neutral' }
  /** The upstream failed, whatever the key. */
  | { readonly kind: 'failed' }
  /** A status that a dead key gets, and perhaps a client's own mistake. `needsBody`: by itself it is no proof. */
  | { readonly kind: 'refused'; readonly status: number; readonly needsBody: boolean }
  /** Too much was asked. `mayBeDead`: so would an account say that is out of credit. */
  | { readonly kind: 'limited'; readonly untilMs: number | undefined; readonly mayBeDead: boolean };

/** By the preset's rules; the gateway's log has the status and the limit headers, never a body. */
export function classify(
  preset: Pick<Preset, 'deadKey'>,
  { status, limits }: Pick<UpstreamOutcome, 'status' | 'limits'>,
  nowMs: number,
): Evidence {
  const rules = preset.deadKey.filter((rule) => rule.status === status);
  if (status === 429) return { kind: 'limited', untilMs: readPause(limits, nowMs), mayBeDead: rules.length > 0 };
  if (rules.length > 0) return { kind: 'refused', status, needsBody: rules.every(readsBody) };
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  return { kind: status === 0 || status >= 500 ? 'failed' : 'neutral' };
}

export const readsBody = (rule: DeadKeyRule): boolean => rule.bodyIncludes !== undefined;
