import type { Problem } from '../../core/error.ts';

/** 1-based, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One document of a YAML or JSON text. */
export interface SourceDocument {
  readonly value: unknown;
  /** The nearest enclosing node where nothing stands at `path` itself. */
  locate(path: readonly PropertyKey[], what?: 'key' | 'value'): Position | undefined;
}

/** Reads all documents of a text; merge keys (`<<`) are followed. Never throws. */
export type ReadDocuments = (
  text: string,
  file: string,
) => { readonly documents: readonly SourceDocument[]; readonly problems: readonly Problem[] };

/** A value of a configuration, and where it stands. */
export interface Spot {
  readonly file: string;
  /** Which document of the file; 0-based, documents without content not counted. */
  readonly index: number;
  readonly document: SourceDocument;
  readonly path: readonly PropertyKey[];
  /** Undefined where nothing stands there. */
  readonly value: unknown;
  at(...keys: readonly PropertyKey[]): Spot;
  /** The elements of a list, the values of a map. */
  children(): readonly Spot[];
}

interface Root {
  readonly file: string;
  readonly index: number;
  readonly document: SourceDocument;
}

export function createSpot(root: Root): Spot {
  return spotAt(root, [], root.document.value);
}

function spotAt(root: Root, path: readonly PropertyKey[], value: unknown): Spot {
  const spot: Spot = {
    ...root,
    path,
    value,
    at: (...keys) =>
      keys.reduce<Spot>((parent, key) => spotAt(root, [...parent.path, key], memberOf(parent.value, key)), spot),
    children() {
      if (Array.isArray(value)) return value.map((_, index) => spot.at(index));
      return isMap(value) ? Object.keys(value).map((key) => spot.at(key)) : [];
    },
  };
  return spot;
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  if (Array.isArray(value)) return typeof key === 'number' ? (value as readonly unknown[])[key] : undefined;
  return isMap(value) && Object.hasOwn(value, key) ? value[key as string] : undefined;
}

export type Data = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asMap(value: unknown): Data {
  return isMap(value) ? value : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list; a single text counts as a list of one. */
export function asTexts(value: unknown): readonly string[] {
  return (typeof value === 'string' ? [value] : asList(value)).filter((item) => typeof item === 'string');
}

/** Ids may be numbers. */
export function asId(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
