import { suggest } from '../config/closest.ts';
import { formatPath } from '../config/problems.ts';
import { readYaml } from '../config/yaml-documents.ts';
import type { YamlDocument } from '../config/yaml-documents.ts';
import type { Problem } from '../core/error.ts';
import type { Owner } from '../core/resources.ts';
import { reportClearSecrets } from './clear-secrets.ts';
import type { Kind, ResourceDeps, TokenKind } from './kind.ts';
import { kinds } from './kinds/index.ts';
import { tokenKind } from './kinds/token.ts';
import type { Place, ReadItem } from './read-item.ts';
import type { Report } from './report.ts';

/** Of the text; what a file may hold at most. */
export const maxFileBytes = 64 * 1_048_576;

const readers: ReadonlyMap<string, Kind | TokenKind> = new Map<string, Kind | TokenKind>(
  [...Object.values(kinds as Readonly<Record<string, Kind>>), tokenKind].map((reader) => [reader.section, reader]),
);

/** Reads the entries of a file one by one, each with its place. What is not valid is missing and has a problem. */
export function readItems(
  text: string,
  file: string,
  owner: Owner,
  deps: ResourceDeps,
): { readonly items: readonly ReadItem[]; readonly problems: readonly Problem[] } {
  // UTF-16 units: never more than the bytes of the file.
  if (text.length > maxFileBytes) {
    return { items: [], problems: [{ severity: 'error', message: 'the file is larger than 64 MiB', file }] };
  }
  const { documents, problems: syntax } = readYaml(text, file);
  const problems: Problem[] = [...syntax];
  const items: ReadItem[] = [];
  for (const document of documents) readDocument(document, file, owner, deps, items, problems);
  return { items, problems };
}

function readDocument(
  document: YamlDocument,
  file: string,
  owner: Owner,
  deps: ResourceDeps,
  items: ReadItem[],
  problems: Problem[],
): void {
  const placeIn =
    (base: readonly PropertyKey[]) =>
    (path: readonly PropertyKey[], at: 'key' | 'value' = 'value', within?: number): Place => {
      const whole = [...base, ...path];
      return {
        file,
        ...(whole.length === 0 ? {} : { path: formatPath(whole) }),
        ...document.locate(whole, at, within),
      };
    };
  const reportIn = (base: readonly PropertyKey[]): Report => {
    const place = placeIn(base);
    return (path, message, { fix, severity = 'error', at, within } = {}) => {
      problems.push({ severity, message, ...(fix === undefined ? {} : { fix }), ...place(path, at, within) });
    };
  };
  const report = reportIn([]);
  const { value } = document;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report([], `must be a map with the keys ${[...readers.keys()].join(', ')}`);
    return;
  }
  reportClearSecrets(value, report);
  for (const [section, entries] of Object.entries(value)) {
    const reader = readers.get(section);
    if (reader === undefined) {
      report([section], 'is not a known key', { fix: suggest(section, [...readers.keys()]), at: 'key' });
    } else if (Array.isArray(entries)) {
      for (const [i, entry] of entries.entries()) {
        const base = [section, i];
        const item = readEntry(reader, entry, { deps, owner, report: reportIn(base) }, placeIn(base));
        if (item !== undefined) items.push(item);
      }
    } else if (entries !== null) {
      report([section], 'must be a list');
    }
  }
}

function readEntry(
  reader: Kind | TokenKind,
  entry: unknown,
  context: Parameters<Kind['read']>[1],
  place: ReadItem['place'],
): ReadItem | undefined {
  if (!('kind' in reader)) {
    const token = reader.read(entry, context);
    return token === undefined ? undefined : { kind: 'token', id: token.id, token, place };
  }
  const resource = reader.read(entry, context);
  if (resource === undefined) return undefined;
  return { kind: reader.kind, id: resource.id, owner: context.owner, spec: resource.spec, place } as ReadItem;
}
