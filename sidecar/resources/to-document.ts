import { stringify } from 'yaml';
import type { ResourceRecord, TokenRecord } from '../core/resources.ts';
import { kinds } from './kinds/index.ts';
import { writeToken } from './kinds/token.ts';
import { toResourceBody } from './parse-body.ts';

/**
 * The YAML text of resources and tokens; parsed, it gives the same specs. Revoked tokens are left out: an import must
 * not bring them back. What was disabled through the API says so in a comment, since a document cannot.
 */
export function toDocument(records: Iterable<ResourceRecord>, tokens: Iterable<TokenRecord> = []): string {
  return [...documentLines(records, tokens)].join('');
}

/** The same piece by piece, for callers that must not hold the loop while many resources are written. */
export function* documentLines(
  records: Iterable<ResourceRecord>,
  tokens: Iterable<TokenRecord> = [],
): Generator<string, void, undefined> {
  const sorted = [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { kind, section } of Object.values(kinds)) {
    const own = sorted.filter((record) => record.kind === kind);
    if (own.length > 0) yield `${section}:\n`;
    for (const record of own) {
      if (record.disabled) yield '  # disabled through the API\n';
      yield entry(toResourceBody(record.kind, record.id, record.spec));
    }
  }
  const live = [...tokens].filter(({ revokedAtMs }) => revokedAtMs === undefined);
  if (live.length > 0) yield 'tokens:\n';
  for (const token of live) yield entry(writeToken(token));
}

function entry(body: Readonly<Record<string, unknown>>): string {
  return stringify([body], { lineWidth: 0, aliasDuplicateObjects: false }).replace(/^(?=.)/gm, '  ');
}
