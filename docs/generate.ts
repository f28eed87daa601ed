/**
 * Writes what is generated from the code: docs/config.md, docs/errors.md, docs/lint-rules.md, the JSON Schemas for editors and
 * the OpenAPI document of the admin API.
 * `node docs/generate.ts` writes, `node docs/generate.ts --check` names what is stale and exits 1.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format } from 'prettier';
import { configJsonSchema } from '../sidecar/config/config-schema.ts';
import { describeConfig } from '../sidecar/config/describe-config.ts';
import { denialTable, errorTable } from '../sidecar/core/codes.ts';
import type { CodeRow } from '../sidecar/core/codes.ts';
import { rules } from '../sidecar/gateway/lint/rules/index.ts';
import { resourcesJsonSchema } from '../sidecar/resources/resources-schema.ts';
import { lintExamples } from './lint-examples.ts';
import { openApiDocument } from './openapi.ts';

const root = join(import.meta.dirname, '..');

/** Path below the root → text as it should be. */
async function generate(): Promise<ReadonlyMap<string, string>> {
  const markdown = (text: string): Promise<string> => format(text, { parser: 'markdown', printWidth: 120 });
  const json = (value: unknown): Promise<string> => format(JSON.stringify(value), { parser: 'json', printWidth: 120 });
  return new Map([
    ['docs/config.md', await markdown(configPage())],
    ['docs/errors.md', await markdown(errorsPage())],
    ['docs/lint-rules.md', await markdown(lintRulesPage())],
    ['schemas/credentialflow.schema.json', await json(configJsonSchema())],
    ['schemas/resources.schema.json', await json(resourcesJsonSchema())],
    ['schemas/openapi.json', await json(openApiDocument())],
  ]);
}

function configPage(): string {
  const rows = describeConfig().map(({ key, variable, fileVariable, type, default: written, description }) => {
    const names = [
      ...(key === '' ? [] : [`\`${key}\``]),
      `\`${variable}\``,
      ...(fileVariable ? [`\`${fileVariable}\``] : []),
    ];
    return [names.join('<br>'), type, written, description];
  });
  return `${generatedFrom('sidecar/config/settings.ts')}

# Configuration

Settings come from the environment, else from \`credentialflow.yaml\`, else from the defaults. \`credentialflow init\` writes
a commented file, \`credentialflow check\` lists every problem at once with file, line and column.

- Unknown keys are errors, unknown \`CREDENTIALFLOW_*\` variables are warnings; both name what was probably meant.
- Durations carry a unit (\`500ms\`, \`30s\`, \`15m\`, \`12h\`, \`30d\`), sizes too (\`512B\`, \`64KiB\`, \`64MiB\`, \`1GiB\`).
- Addresses are \`host:port\`, \`[::1]:0\` or \`unix:/path\`.
- Relative paths of the file are relative to the file, all others to the working directory.
- A secret comes from its variable or from the file that the variable's \`_FILE\` twin names (one newline at the end is
  trimmed; both set is an error). In \`credentialflow.yaml\` it is a reference: \`{ from: env, name: NAME }\` or
  \`{ from: file, path: PATH }\`. \`store\` and \`cache\` may stand there as text where they hold no password.
- A key has at least 32 visible ASCII characters, no \`$\` (APISIX would interpolate it), does not begin with \`://\` (the
  mark of a reference that APISIX did not resolve), and opens one door only.
- An empty variable counts as unset.

For completion in an editor: \`# yaml-language-server: $schema=…/schemas/credentialflow.schema.json\`.

${table(['Key, variable', 'Value', 'Default', 'Meaning'], rows)}
`;
}

function errorsPage(): string {
  const rows = (codes: Readonly<Record<string, CodeRow>>): readonly (readonly string[])[] =>
    Object.entries(codes).map(([code, { status, message, fix }]) => [`\`${code}\``, String(status), message, fix]);
  return `${generatedFrom('sidecar/core/codes.ts')}

# Errors

## Denials

What the gateway, and through it the client, gets when a request is not allowed. The code is in the body, in the audit and
in the label \`reason\` of the metrics. 401 is about the token or the gateway, 403 about the policy, 429 about a limit; 503
means that the answer could not be known.

${table(['Code', 'Status', 'What the caller reads', 'What to do'], rows(denialTable))}

## Errors of the admin API, the command line and the start

${table(['Code', 'Status', 'Message', 'What to do'], rows(errorTable))}
`;
}

function lintRulesPage(): string {
  const fence = (text: string): string => `\`\`\`yaml\n${text.trimEnd()}\n\`\`\``;
  const sections = rules.map(({ id, severity, title, why, fix }) => {
    const { failing, passing } = lintExamples[id] ?? { failing: '', passing: '' };
    return `## ${id}

**${severity}: ${title}.** ${why}

Fix: ${fix}.

Found in:

<!-- prettier-ignore -->
${fence(failing)}

Not found in:

<!-- prettier-ignore -->
${fence(passing)}
`;
  });
  return `${generatedFrom('sidecar/gateway/lint/rules and docs/lint-examples.ts')}

# Rules of \`credentialflow apisix lint\`

What each rule finds in a configuration of APISIX, why it matters, and how to mend it. The examples show the one thing
that the rule is about and leave out the rest; a test runs each of them. [apisix.md](apisix.md) has a whole route that no
rule objects to, [cli.md](cli.md#credentialflow-apisix-lint) the command.

- \`error\`: a secret leaks, a request passes unasked, or nothing works. \`warning\`: one of these becomes likely, or
  operation suffers. \`info\`: good to know; it is no failure. A single case may be graver or lighter than its rule.
- \`# credentialflow-lint-ignore RULE reason\`, at the end of the line that a finding names or alone on the line before it,
  says that somebody looked. Without a reason it ignores nothing.
- With \`--schema\` there is one more rule, \`schema\`: what the gateway's own schemas refuse, so that it would be dropped.

${table(
  ['Rule', 'Severity', 'What it finds'],
  rules.map(({ id, severity, title }) => [`[\`${id}\`](#${id})`, severity, title]),
)}

${sections.join('\n')}`;
}

function generatedFrom(source: string): string {
  return `<!-- Generated from ${source} by docs/generate.ts; do not edit. -->`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const generated = await generate();
const stale = [...generated].filter(([path, text]) => readText(join(root, path)) !== text);
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is stale: run node docs/generate.ts`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}
