import type { Injector } from '../core/ports.ts';
import type { InjectionSpec } from '../core/resources.ts';

/** One kind of injector: decodes its own options. */
export interface InjectorKind {
  readonly kind: string;
  /** What is wrong with the options; empty: nothing. */
  check(spec: InjectionSpec): readonly string[];
  /** `spec` was checked. */
  create(spec: InjectionSpec): Injector;
}

/** One message for each option that the kind does not know. */
export function unknownOptions(spec: Readonly<Record<string, unknown>>, known: readonly string[]): readonly string[] {
  return Object.keys(spec)
    .filter((key) => key !== 'kind' && !known.includes(key))
    .map((key) => `"${key}" is not an option of ${known.length === 0 ? 'this injection' : known.join(', ')}`);
}
