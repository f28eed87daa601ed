import { ignoresOf } from './ignores.ts';
import { readConfiguration } from './read/read-configuration.ts';
import type { InputFile, ReadResult } from './read/read-configuration.ts';
import { rules } from './rules/index.ts';
import type { Finding, Hit, Mend, Rule, Severity } from './rule.ts';
import type { SchemaCheck } from './schema/validate.ts';
import type { ReadDocuments, Spot } from './source.ts';
import { createView } from './view.ts';
import type { ViewDeps } from './view.ts';
import type { GatewayVersion } from './configuration.ts';

export interface LintOptions {
  /** Ids of rules that are not applied. */
  readonly ignore?: readonly string[];
  /** Where nothing in the files says which gateway it is. */
  readonly version?: GatewayVersion | undefined;
}

export interface LintDeps extends ViewDeps {
  readonly readDocuments: ReadDocuments;
  /** Checks against the gateway's own schemas; its findings have the rule `schema`. */
  readonly schemas?: SchemaCheck | undefined;
}

export interface LintResult {
  /** By file and place. */
  readonly findings: readonly Finding[];
  readonly problems: ReadResult['problems'];
  /** What `--fix` would do. */
  readonly mends: readonly { readonly finding: Finding; readonly mends: readonly Mend[] }[];
  /** How many routes ask the sidecar; where none does, most rules have nothing to look at. */
  readonly guarded: number;
  readonly configuration: ReadResult['configuration'];
}

export const schemaRuleId = 'schema';

function schemaRule(schemas: SchemaCheck): Rule {
  return {
    id: schemaRuleId,
    severity: 'error',
    title: 'the gateway’s own schema refuses this',
    why: 'A resource that fails validation is dropped alone, with one line in error.log: its requests fall to a broader route, perhaps without a question.',
    fix: 'correct the value as the schema says',
    check: ({ configuration }) => schemas.hits(configuration),
  };
}

/** Reads files and applies every rule. Pure: no I/O. */
export function lint(files: readonly InputFile[], options: LintOptions, deps: LintDeps): LintResult {
  const { configuration, problems } = readConfiguration(files, deps.readDocuments);
  if (options.version !== undefined) configuration.versions.push(options.version);
  const view = createView(configuration, deps);
  const ignored = ignoresOf(files);
  const found = new Map<string, { finding: Finding; mends: readonly Mend[] }>();
  const live = new Set(files.filter((one) => one.live === true).map(({ file }) => file));
  const { schemas } = deps;
  const all = schemas === undefined ? rules : [...rules, schemaRule(schemas)];
  for (const rule of all) {
    if (options.ignore?.includes(rule.id) === true) continue;
    for (const hit of rule.check(view)) {
      const finding = findingOf(rule, hit, live.has(hit.spot.file));
      if (ignored(finding)) continue;
      // The plugins of a service are met once for each of its routes.
      const detail = rule.id === schemaRuleId ? finding.message : '';
      const key = [rule.id, hit.spot.file, hit.spot.index, finding.path, detail].join('\n');
      if (!found.has(key)) found.set(key, { finding, mends: hit.mends ?? [] });
    }
  }
  const sorted = [...found.values()].sort((a, b) => byPlace(a.finding, b.finding));
  return {
    findings: sorted.map(({ finding }) => finding),
    problems,
    mends: sorted.filter(({ mends }) => mends.length > 0),
    guarded: view.guarded.length,
    configuration,
  };
}

function findingOf({ id, severity, title, why, fix }: Rule, hit: Hit, live: boolean): Finding {
  const { spot } = hit;
  return {
    rule: id,
    severity: hit.severity ?? severity,
    title,
    message: hit.detail,
    why,
    fix,
    file: spot.file,
    ...(live ? {} : spot.document.locate(spot.path, hit.what ?? 'value')),
    path: pathText(spot),
    fixable: !live && (hit.mends ?? []).length > 0,
  };
}

function pathText({ path }: Spot): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

function byPlace(a: Finding, b: Finding): number {
  return (
    a.file.localeCompare(b.file) ||
    (a.line ?? 0) - (b.line ?? 0) ||
    (a.column ?? 0) - (b.column ?? 0) ||
    a.rule.localeCompare(b.rule)
  );
}

export function countBySeverity(findings: readonly Finding[]): Readonly<Record<Severity, number>> {
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}
