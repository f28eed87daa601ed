/** Last-used times in one transaction: a write never waits long for them. */
const usesAtOnce = 1_000;

/** Some at a time: as one list, those of 100,000 tokens would stop the loop for as long as they take to be copied. */
export function* usesInTurn(
  uses: ReadonlyMap<string, number>,
): Generator<readonly (readonly [id: string, atMs: number])[], void> {
  let some: (readonly [string, number])[] = [];
  for (const use of uses) {
    some.push(use);
    if (some.length < usesAtOnce) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}
