import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readYaml } from '../../../sidecar/config/yaml-documents.ts';
import type { KnownUpstreams } from '../../../sidecar/gateway/lint/known-upstream.ts';
import { lint } from '../../../sidecar/gateway/lint/lint.ts';
import type { LintOptions, LintResult } from '../../../sidecar/gateway/lint/lint.ts';
import type { InputFile } from '../../../sidecar/gateway/lint/read/read-configuration.ts';
import type { SchemaCheck } from '../../../sidecar/gateway/lint/schema/validate.ts';
import { presets } from '../../../sidecar/presets/index.ts';

/** Rules that fire only where resource files say what the sidecar serves. */
export const needingResources = new Set(['unknown-upstream', 'condition-not-passed']);

const corpus = join(import.meta.dirname, 'corpus');

/** Entries of a part of the corpus; a directory is one configuration of several files. */
export function entriesOf(part: 'good' | 'bad'): readonly string[] {
  return readdirSync(join(corpus, part)).sort();
}

export function readEntry(part: 'good' | 'bad', name: string): readonly InputFile[] {
  const path = join(corpus, part, name);
  const files = statSync(path).isDirectory() ? readdirSync(path).sort() : [''];
  return files.map((file) => ({ file: file === '' ? name : file, text: readFileSync(join(path, file), 'utf8') }));
}

export function lintFiles(
  files: readonly InputFile[],
  options: LintOptions = {},
  known?: KnownUpstreams,
  schemas?: SchemaCheck,
): LintResult {
  return lint(files, options, {
    presets,
    known,
    schemas,
    readDocuments: (text, file) => readYaml(text, file, { mergeKeys: true }),
  });
}
