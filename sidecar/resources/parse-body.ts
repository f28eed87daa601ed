import { formatPath, hasErrors } from '../config/problems.ts';
import type { Problem } from '../core/error.ts';
import type { ResourceKind, ResourceSpecs } from '../core/resources.ts';
import { reportClearSecrets } from './clear-secrets.ts';
import type { Kind, ResourceDeps } from './kind.ts';
import { kinds } from './kinds/index.ts';
import type { Report } from './report.ts';

export type ParsedBody<K extends ResourceKind> =
  | { readonly ok: true; readonly id: string; readonly spec: ResourceSpecs[K]; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads one resource of the admin API, in the shape of the resource file. `problems` have JSON paths; with `ok` they
 * are warnings. References to other resources are not judged here.
 */
export function parseResourceBody<K extends ResourceKind>(kind: K, json: unknown, deps: ResourceDeps): ParsedBody<K> {
  const problems: Problem[] = [];
  const report: Report = (path, text, { fix, severity = 'error', within } = {}) => {
    const message = within === undefined ? text : `${text} (at character ${within + 1})`;
    const place = path.length === 0 ? {} : { path: formatPath(path) };
    problems.push({ severity, message, ...place, ...(fix === undefined ? {} : { fix }) });
  };
  reportClearSecrets(json, report);
  const reader: Kind<K> = kinds[kind];
  const resource = reader.read(json, { deps, owner: 'api', report });
  if (resource === undefined || hasErrors(problems)) return { ok: false, problems };
  return { ok: true, id: resource.id, spec: resource.spec, problems };
}

/** The body that {@link parseResourceBody} reads back as this very resource. */
export function toResourceBody<K extends ResourceKind>(
  kind: K,
  id: string,
  spec: ResourceSpecs[K],
): Readonly<Record<string, unknown>> {
  const writer: Kind<K> = kinds[kind];
  return writer.write(id, spec);
}
