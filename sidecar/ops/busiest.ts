import { beyondBound } from './cells.ts';

/** Which names have a label of their own: the busiest as of late. The rest shares one. */
export interface Busiest {
  /** Counts one use of a name; the name, or `other`. */
  labelOf(name: string): string;
}

/** Names without a label that are weighed, for each one that has it. */
const waitingPerNamed = 10;
/** How much busier a name must be than the least busy one with a label, so that two of a kind do not take turns. */
const margin = 2;

/**
 * The first `max` names get a label at once; from time to time one that was much busier takes the place of the least busy.
 * `onLeave`: a name lost its label, and its figures must go, or they would be kept for every name that there ever was.
 */
export function createBusiest(max: number, onLeave: (name: string) => void): Busiest {
  /** Uses as of late: halved at each turn. */
  const named = new Map<string, number>();
  const waiting = new Map<string, number>();
  const usesPerTurn = Math.max(1_000, 20 * max);
  let uses = 0;

  function turn(): void {
    const rising = [...waiting].sort(([, a], [, b]) => b - a);
    const falling = [...named].sort(([, a], [, b]) => a - b);
    for (const [i, [name, weight]] of rising.entries()) {
      const [weakest, itsWeight] = falling[i] ?? ['', Infinity];
      if (weight <= margin * itsWeight) break;
      named.delete(weakest);
      waiting.delete(name);
      named.set(name, weight);
      waiting.set(weakest, itsWeight);
      onLeave(weakest);
    }
    for (const [name, weight] of named) named.set(name, weight / 2);
    for (const [name, weight] of waiting) {
      if (weight < 2) waiting.delete(name);
      else waiting.set(name, weight / 2);
    }
  }

  return {
    labelOf(name) {
      if (++uses >= usesPerTurn) {
        uses = 0;
        turn();
      }
      const weight = named.get(name);
      if (weight !== undefined || named.size < max) {
        named.set(name, (weight ?? 0) + 1);
        return name;
      }
      const waited = waiting.get(name);
      if (waited !== undefined || waiting.size < waitingPerNamed * max) waiting.set(name, (waited ?? 0) + 1);
      return beyondBound;
    },
  };
}
