import type { z } from 'zod';
import type { NewToken } from '../core/ports.ts';
import type { IssuerPreset } from '../core/issuer-preset.ts';
import type { Preset } from '../core/preset.ts';
import type { InjectionSpec, Owner, ResourceKind, ResourceSpecs, SecretReference } from '../core/resources.ts';
import { readShape } from './read-shape.ts';
import type { Report } from './report.ts';

/** What the families know about a document; handed in, because resources knows no family. */
export interface ResourceDeps {
  readonly presets: ReadonlyMap<string, Preset>;
  readonly issuerPresets: ReadonlyMap<string, IssuerPreset>;
  /** What is wrong with a secret reference; must not repeat a value. */
  readonly secretKinds: (reference: SecretReference) => readonly string[];
  /** What is wrong with an injection. */
  readonly injectionProblems?: (injection: InjectionSpec) => readonly string[];
  /** Lower-case names of the headers that an injection writes; none where it is not valid. */
  readonly injectedHeaders: (injection: InjectionSpec) => readonly string[];
  /** What is wrong with the expression of a `when`, and after how many of its characters. */
  readonly conditionProblems: (
    text: string,
  ) => readonly { readonly message: string; readonly fix?: string; readonly offset: number }[];
}

export interface ReadContext {
  readonly deps: ResourceDeps;
  readonly owner: Owner;
  readonly report: Report;
}

export interface ReadResource<K extends ResourceKind = ResourceKind> {
  readonly id: string;
  readonly spec: ResourceSpecs[K];
}

/** One kind of resource: how its document is read and written. */
export interface Kind<K extends ResourceKind = ResourceKind> {
  readonly kind: K;
  /** Key of the list in the document. */
  readonly section: string;
  /** Shape of one entry, for the JSON Schema. */
  readonly schema: z.ZodType;
  /** Undefined: it is not valid, and the report says why. */
  read(value: unknown, context: ReadContext): ReadResource<K> | undefined;
  /** The entry that reads back as this very spec. */
  write(id: string, spec: ResourceSpecs[K]): Readonly<Record<string, unknown>>;
}

/** A token in a document; its hash only. */
export interface TokenKind {
  readonly section: string;
  readonly schema: z.ZodType;
  read(value: unknown, context: ReadContext): NewToken | undefined;
}

/** Puts together shape (zod) and meaning (`toSpec`, which may report more). */
export function defineKind<K extends ResourceKind, Doc extends { readonly id: string }>(definition: {
  readonly kind: K;
  readonly section: string;
  readonly schema: z.ZodType<Doc>;
  readonly toSpec: (document: Doc, context: ReadContext) => ResourceSpecs[K] | undefined;
  readonly write: Kind<K>['write'];
}): Kind<K> {
  const { kind, section, schema, write, toSpec } = definition;
  return {
    kind,
    section,
    schema,
    write,
    read(value, context) {
      const document = readShape(schema, value, context.report);
      if (document === undefined) return undefined;
      const spec = toSpec(document, context);
      return spec === undefined ? undefined : { id: document.id, spec };
    },
  };
}
