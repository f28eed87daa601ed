import type { Spot } from '../source.ts';

export interface Manifest {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: Spot;
  readonly spot: Spot;
}

/** A name is unique in its namespace only. */
export function qualified(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
