import type { Problem } from '../core/error.ts';
import type { NewToken } from '../core/ports.ts';
import type { Owner, ResourceKind, ResourceSpecs } from '../core/resources.ts';

/** Where something stands, ready to be spread into a {@link Problem}. */
export type Place = Pick<Problem, 'file' | 'line' | 'column' | 'path'>;

interface Placed {
  /** The place of a path inside the entry. */
  readonly place: (path: readonly PropertyKey[], at?: 'key' | 'value') => Place;
}

/** A valid entry of a document, and how to point at it. */
export type ReadItem =
  | (Placed & { readonly kind: 'token'; readonly id: string; readonly token: NewToken })
  | {
      readonly [K in ResourceKind]: Placed & {
        readonly kind: K;
        readonly id: string;
        readonly owner: Owner;
        readonly spec: ResourceSpecs[K];
      };
    }[ResourceKind];

export type ItemOf<K extends ReadItem['kind']> = Extract<ReadItem, { readonly kind: K }>;
