import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import { queryOf } from '../path.ts';
import type { UpstreamEntry } from '../snapshot.ts';

export type ExtractedToken = { readonly token: string } | { readonly deny: DenialCode };

/**
 * Step 4. The one token in the slots that the upstream names. The same value in two slots is fine (some SDKs do that),
 * two values are not: the gateway, we and the upstream could each believe another one.
 */
export function extractToken(d: Deliberation, upstream: UpstreamEntry): ExtractedToken {
  if (carriesKeyInQuery(d, upstream)) return { deny: 'token_in_query' };
  const { headers, conflicting } = d.question;
  let token: string | undefined;
  for (const slot of upstream.tokenSlots) {
    const value = headers[slot.header];
    if (conflicting.length > 0 && conflicting.includes(slot.header)) return { deny: 'token_conflict' };
    if (value === undefined || value === '') continue;
    const presented = slot.scheme === undefined ? value.trim() : afterScheme(value, slot.scheme);
    if (presented === undefined) return { deny: isBound(value) ? 'token_bound' : 'token_malformed' };
    if (presented === '') continue;
    if (token !== undefined && token !== presented) return { deny: 'token_conflict' };
    token = presented;
  }
  return token === undefined ? { deny: 'token_missing' } : { token };
}

/** RFC 7235, section 2.1: the scheme is case-insensitive, then at least one space. */
function afterScheme(value: string, scheme: string): string | undefined {
  const trimmed = value.trim();
  if (trimmed.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  const rest = trimmed.slice(scheme.length);
  if (rest === '') return '';
  return rest.startsWith(' ') ? rest.trimStart() : undefined;
}

/** `DPoP` instead of `Bearer` (RFC 9449, section 7.1): a token with a proof that nobody here checks. */
function isBound(value: string): boolean {
  return /^\s*dpop(?:\s|$)/i.test(value);
}

function carriesKeyInQuery(d: Deliberation, upstream: UpstreamEntry): boolean {
  const raw = queryOf(d.question.headers['x-cf-raw-uri'] ?? '');
  const sent = queryOf(d.target);
  return namesKey(raw, upstream.queryKeys) || (sent !== raw && namesKey(sent, upstream.queryKeys));
}

function namesKey(query: string, keys: ReadonlySet<string>): boolean {
  if (query === '' || keys.size === 0) return false;
  for (const pair of query.split(/[&;]/)) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (keys.has(decodeName(name).toLowerCase())) return true;
  }
  return false;
}

function decodeName(name: string): string {
  if (!name.includes('%') && !name.includes('+')) return name;
  try {
    return decodeURIComponent(name.replaceAll('+', ' ')).trim();
  } catch {
    return name;
  }
}
