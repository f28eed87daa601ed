/** What a PromQL expression asks for: enough of a tokenizer to hold it to the metrics that there are. */

export interface Selected {
  readonly metric: string;
  /** Of its matchers. */
  readonly labels: readonly string[];
}

const tokenPattern = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\[[^\]]*\]|\d[\w.]*|[a-zA-Z_:][\w:]*|[^\s]/g;
const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'group_left', 'group_right', 'inf', 'nan']);
const labelLists = new Set(['by', 'without', 'on', 'ignoring']);

/** Metrics with the labels that are matched, and the labels that series are grouped or joined by. */
export function readPromql(expression: string): { readonly selected: readonly Selected[]; readonly grouped: string[] } {
  const tokens: readonly string[] = expression.match(tokenPattern) ?? [];
  const selected: Selected[] = [];
  const grouped: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? '';
    if (labelLists.has(token)) {
      const end = tokens.indexOf(')', i);
      grouped.push(...tokens.slice(i + 1, end).filter(isName));
      i = end;
    } else if (isName(token) && !words.has(token.toLowerCase()) && !isFunction(tokens[i + 1])) {
      const end = tokens[i + 1] === '{' ? tokens.indexOf('}', i) : i;
      const labels = tokens
        .slice(i + 1, end)
        .filter((name, at, all) => isName(name) && /^[=!]/.test(all[at + 1] ?? ''));
      selected.push({ metric: token, labels });
      i = end;
    }
  }
  return { selected, grouped };
}

const isName = (token: string): boolean => /^[a-zA-Z_:][\w:]*$/.test(token);
/** By what follows its name: `rate(…)`, `sum by (…) (…)`. */
const isFunction = (next = ''): boolean => next === '(' || labelLists.has(next);
