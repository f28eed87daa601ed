/** The known word that was probably meant; undefined where none is near. Case, `-` and `_` do not count. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const wanted = plain(word);
  // Longer than any name we have: not a typing error, and not worth the square of its length.
  if (wanted.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean x?`, or the whole list where it is short, or nothing. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const near = closest(word, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return known.length === 0 || known.length > 16 ? undefined : `known are ${known.join(', ')}`;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

/** Levenshtein with transpositions of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
