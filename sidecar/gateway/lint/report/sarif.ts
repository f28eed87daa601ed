import { rules } from '../rules/index.ts';
import type { Finding, Severity } from '../rule.ts';

const levels: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
};

/** SARIF 2.1.0 (OASIS), as code hosts show it beside the lines of a change. */
export function formatSarif(findings: readonly Finding[], version: string): string {
  const others = [...new Set(findings.map(({ rule }) => rule))].filter((id) => !rules.some((rule) => rule.id === id));
  const described = [
    ...rules.map(({ id, title, why, fix, severity }) => ({
      id,
      shortDescription: { text: title },
      fullDescription: { text: why },
      help: { text: fix },
      defaultConfiguration: { level: levels[severity] },
    })),
    ...others.map((id) => ({ id, shortDescription: { text: id } })),
  ];
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'credentialflow apisix lint', version, rules: described } },
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ rule, severity, title, message, file, line, column, path }) => ({
          ruleId: rule,
          ruleIndex: described.findIndex(({ id }) => id === rule),
          level: levels[severity],
          message: { text: `${title}: ${message}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(file) },
                ...(line !== undefined && { region: { startLine: line, startColumn: column ?? 1 } }),
              },
              ...(path !== '' && { logicalLocations: [{ fullyQualifiedName: path }] }),
            },
          ],
        })),
      },
    ],
  };
  return JSON.stringify(log, undefined, 2);
}

/** A relative path stays relative to wherever the log is read; SARIF wants a URI reference. */
function uriOf(file: string): string {
  return /^[a-z][a-z+.-]*:\/\//.test(file) ? file : file.split('/').map(encodeURIComponent).join('/');
}
