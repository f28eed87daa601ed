import { isAbsolute, resolve } from 'node:path';
import type { Problem } from '../core/error.ts';
import { suggest } from './closest.ts';
import { environmentPrefix } from './settings.ts';
import { readYaml } from './yaml-documents.ts';
import type { YamlDocument } from './yaml-documents.ts';

/** credentialflow.yaml as it was found; empty where there is none. */
export interface ConfigDocument {
  /** Absolute; undefined where there is no file. */
  readonly file: string | undefined;
  /** The value at a dotted key; undefined where the document does not set it. */
  value(key: string): unknown;
  /** Where the key's value stands. */
  place(key: string): Pick<Problem, 'file' | 'line' | 'column' | 'path'>;
  readonly problems: readonly Problem[];
}

const defaultFile = 'credentialflow.yaml';

/** Finds and reads the file: the option, else CREDENTIALFLOW_CONFIG, else ./credentialflow.yaml where it exists. */
export function readConfigDocument(
  options: { readonly configPath: string | undefined; readonly cwd: string; readonly known: readonly string[] },
  deps: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly readFile: (path: string) => string;
  },
): ConfigDocument {
  const variable = `${environmentPrefix}CONFIG`;
  const fromEnvironment = deps.env[variable] === '' ? undefined : deps.env[variable];
  const named = options.configPath ?? fromEnvironment;
  const file = resolve(options.cwd, named ?? defaultFile);
  let text: string;
  try {
    text = deps.readFile(file);
  } catch (error) {
    if (named === undefined && isMissing(error)) return emptyDocument([]);
    const message = isMissing(error)
      ? 'the configuration file does not exist'
      : 'the configuration file cannot be read';
    const blamed = options.configPath === undefined && named !== undefined ? { path: variable } : {};
    return emptyDocument([{ severity: 'error', message, file, ...blamed }]);
  }
  const { documents, problems } = readYaml(text, file);
  const [document, second] = documents;
  const all: Problem[] = [...problems];
  if (second !== undefined) {
    all.push({ severity: 'error', message: 'must hold one YAML document', file, ...second.locate([]) });
  }
  if (document === undefined) return { ...emptyDocument(all), file };
  all.push(...unknownKeys(document, file, options.known));
  return {
    file,
    value: (key) => valueAt(document.value, key.split('.')),
    place: (key) => ({ file, path: key, ...document.locate(key.split('.')) }),
    problems: all,
  };
}

/** Paths in the document are relative to its directory, all others to the working directory. */
export function resolvePath(base: string, path: string): string {
  return isAbsolute(path) ? path : resolve(base, path);
}

function emptyDocument(problems: readonly Problem[]): ConfigDocument {
  return { file: undefined, value: () => undefined, place: (key) => ({ path: key }), problems };
}

/** Walks the document beside the known keys: an unknown key is an error, because its setting would silently not hold. */
function unknownKeys(document: YamlDocument, file: string, known: readonly string[]): readonly Problem[] {
  const problems: Problem[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    const at = path.join('.');
    const place = (what: 'key' | 'value', parts: readonly string[]) => ({ file, ...document.locate(parts, what) });
    if (value === null && path.length > 0) return;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const where = at === '' ? {} : { path: at };
      problems.push({ severity: 'error', message: 'must be a map', ...where, ...place('value', path) });
      return;
    }
    const prefix = at === '' ? '' : `${at}.`;
    const names = new Set(
      known.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length).split('.')[0]),
    );
    for (const [name, child] of Object.entries(value)) {
      const childPath = [...path, name];
      if (!names.has(name)) {
        const fix = suggest(
          name,
          [...names].filter((candidate) => candidate !== undefined),
        );
        const place_ = place('key', childPath);
        problems.push({
          severity: 'error',
          message: 'is not a known key',
          path: childPath.join('.'),
          ...(fix === undefined ? {} : { fix }),
          ...place_,
        });
      } else if (!known.includes(prefix + name)) {
        walk(child, childPath);
      }
    }
  };
  walk(document.value, []);
  return problems;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[part];
  }
  return at ?? undefined;
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
