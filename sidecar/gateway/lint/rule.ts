import type { Spot } from './source.ts';
import type { View } from './view.ts';

export type Severity = 'error' | 'warning' | 'info';

/** One danger, and how to find it. Pure. */
export interface Rule {
  /** Kebab case; part of the interface: `--ignore`, SARIF and docs/lint-rules.md name it. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  /** What the gateway does, and what follows. */
  readonly why: string;
  readonly fix: string;
  check(view: View): Iterable<Hit>;
}

export interface Hit {
  readonly spot: Spot;
  /** `key`: the place is the key, for what is wrong with a thing as a whole. */
  readonly what?: 'key' | 'value';
  /** What is wrong here; never a value that may be secret. */
  readonly detail: string;
  /** Where this case is more or less grave than the rule's own. */
  readonly severity?: Severity;
  /** Edits that mend it and can do no harm. */
  readonly mends?: readonly Mend[];
}

/** An edit of a YAML document. */
export type Mend =
  | { readonly op: 'set'; readonly spot: Spot; readonly value: string | number | boolean }
  | { readonly op: 'add'; readonly spot: Spot; readonly values: readonly string[] }
  | { readonly op: 'remove'; readonly spot: Spot }
  | { readonly op: 'append'; readonly spot: Spot; readonly line: string };

export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly title: string;
  readonly message: string;
  readonly why: string;
  readonly fix: string;
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Path inside the document, e.g. `routes[0].plugins.forward-auth`. */
  readonly path: string;
  /** True where `--fix` mends it. */
  readonly fixable: boolean;
}
