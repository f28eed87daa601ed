import type { Question } from '../core/decision.ts';

/** More headers than any gateway sends (APISIX itself reads 100 of a client's; facts, 1): over it 431. */
export const maxHeaders = 200;

/** Spellings remembered; a gateway uses about twenty. Further ones are converted each time. */
const maxSpellings = 512;

export type ReadQuestion = (rawHeaders: readonly string[], upstream: string | undefined, address: string) => Question;

const none: readonly string[] = [];

/**
 * One pass over what the parser read: lower-case names, of a repeated header the first value, and the names that came
 * with different values. Nothing is interpreted and nothing inherited: a header called `__proto__` is just a name.
 */
export function createQuestionReader(): ReadQuestion {
  // Converting the same twenty names for every question was half of this function's cost.
  const lowerCase = new Map<string, string>();

  function nameOf(spelling: string): string {
    const name = spelling.toLowerCase();
    if (lowerCase.size < maxSpellings && spelling.length <= 64) lowerCase.set(spelling, name);
    return name;
  }

  return (rawHeaders, upstream, address) => {
    const headers = Object.create(null) as Record<string, string | undefined>;
    let conflicting: string[] | undefined;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const spelling = rawHeaders[i] ?? '';
      const name = lowerCase.get(spelling) ?? nameOf(spelling);
      const value = rawHeaders[i + 1] ?? '';
      const first = headers[name];
      if (first === undefined) headers[name] = value;
      else if (first !== value) (conflicting ??= []).push(name);
    }
    return { upstream, headers, conflicting: conflicting ?? none, address };
  };
}
