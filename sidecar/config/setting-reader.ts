import { dirname } from 'node:path';
import type { Problem } from '../core/error.ts';
import { Secret } from '../core/secret.ts';
import type { ConfigDocument } from './config-document.ts';
import { resolvePath } from './config-document.ts';
import { describeIssue } from './describe-issue.ts';
import { secretReference } from './secret-types.ts';
import type { SecretType } from './secret-types.ts';
import { environmentPrefix } from './settings.ts';
import type { PlainSetting, SecretSetting } from './settings.ts';

/** Where a value came from, ready to be spread into a {@link Problem}. */
export type Place = Pick<Problem, 'file' | 'line' | 'column' | 'path'>;

export interface Reading<T> {
  readonly value: T;
  /** What relative paths in the value are relative to. */
  readonly base: string;
  readonly place: Place;
  /** False: the default. */
  readonly given: boolean;
}

/** Reads single settings: environment, else document, else default. Problems are collected, never thrown. */
export interface SettingReader {
  read<T>(setting: PlainSetting<T, string>): Reading<T>;
  readOptional<T>(setting: PlainSetting<T>): Reading<T | undefined>;
  readSecret(setting: SecretSetting): Reading<Secret | undefined>;
  report(severity: Problem['severity'], place: Place, message: string, fix?: string): void;
  readonly problems: readonly Problem[];
}

export interface ReaderDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly document: ConfigDocument;
  readonly readFile: (path: string) => string;
}

export function createSettingReader({ env, cwd, document, readFile }: ReaderDeps): SettingReader {
  const problems: Problem[] = [];
  const documentBase = document.file === undefined ? cwd : dirname(document.file);

  const report: SettingReader['report'] = (severity, place, message, fix) => {
    problems.push({ severity, message, ...place, ...(fix === undefined ? {} : { fix }) });
  };

  /** An empty variable counts as unset: compose files and shells leave such behind. */
  const variable = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);

  const parse = <T>(setting: PlainSetting<T>, input: unknown, place: Place): T | undefined => {
    const result = setting.type.schema.safeParse(input, { error: describeIssue });
    if (result.success) return result.data;
    for (const issue of result.error.issues) report('error', place, issue.message);
    return undefined;
  };

  const readOptional = <T>(setting: PlainSetting<T>): Reading<T | undefined> => {
    const name = environmentPrefix + setting.env;
    const inDocument = document.value(setting.key);
    const documentPlace = document.place(setting.key);
    // The document is checked even where the environment wins: it is wrong all the same.
    const fromDocument = inDocument === undefined ? undefined : parse(setting, inDocument, documentPlace);
    const text = variable(name);
    if (text !== undefined) {
      const place = { path: name };
      return { value: parse(setting, setting.type.fromText(text), place), base: cwd, place, given: true };
    }
    if (inDocument !== undefined) return { value: fromDocument, base: documentBase, place: documentPlace, given: true };
    return { value: undefined, base: cwd, place: { path: setting.key }, given: false };
  };

  const readFileSecret = (path: string, place: Place): string | undefined => {
    let text: string;
    try {
      text = readFile(path);
    } catch {
      report('error', place, 'names a file that cannot be read', `look at ${path}`);
      return undefined;
    }
    const trimmed = text.replace(/\r?\n$/, '');
    if (trimmed === '') report('error', place, 'names an empty file', `look at ${path}`);
    return trimmed === '' ? undefined : trimmed;
  };

  const readReference = (type: SecretType, value: unknown, place: Place): string | undefined => {
    if (typeof value === 'string') {
      if (type.mayBeLiteral(value)) return value;
      report(
        'error',
        place,
        'must not hold the secret itself',
        'use { from: env, name: … } or { from: file, path: … }',
      );
      return undefined;
    }
    const reference = secretReference.safeParse(value);
    if (!reference.success) {
      report('error', place, 'must be { from: env, name: … } or { from: file, path: … }');
      return undefined;
    }
    if (reference.data.from === 'file') return readFileSecret(resolvePath(documentBase, reference.data.path), place);
    const text = variable(reference.data.name);
    if (text === undefined) report('error', place, `names the variable ${reference.data.name}, which is not set`);
    return text;
  };

  return {
    problems,
    report,
    readOptional,
    read<T>(setting: PlainSetting<T, string>) {
      const reading = readOptional(setting);
      const value = reading.value ?? setting.type.schema.parse(setting.type.fromText(setting.default));
      return { ...reading, value };
    },
    readSecret(setting) {
      const name = environmentPrefix + setting.env;
      const inDocument = document.value(setting.key);
      const direct = variable(name);
      const file = variable(`${name}_FILE`);
      if (env[name] === '') report('warning', { path: name }, 'is set, but empty: it is ignored');
      if (direct !== undefined && file !== undefined) {
        report('error', { path: name }, `is set as well as ${name}_FILE`, 'unset one of them');
      }
      let place: Place = { path: setting.key };
      let base = cwd;
      let text: string | undefined;
      if (direct !== undefined) {
        place = { path: name };
        text = direct;
      } else if (file !== undefined) {
        place = { path: `${name}_FILE` };
        text = readFileSecret(resolvePath(cwd, file), place);
      } else if (inDocument !== undefined) {
        place = document.place(setting.key);
        base = documentBase;
        text = readReference(setting.secret, inDocument, place);
      }
      const wrong = text === undefined ? undefined : setting.secret.check(text);
      if (wrong !== undefined) report('error', place, wrong);
      const value = text === undefined || wrong !== undefined ? undefined : new Secret(text);
      return { value, base, place, given: direct !== undefined || file !== undefined || inDocument !== undefined };
    },
  };
}
