/** What the type checker cannot know: names and places that must be written out, and what would cost too much. */
import type { ASTNode } from '@marcbachmann/cel-js';
import { argName, conditionHeaders } from './condition-names.ts';

export interface ConditionProblem {
  readonly message: string;
  readonly fix?: string;
  /** Characters before it in the expression. */
  readonly offset: number;
}

export interface CelRuleDeps {
  /** Throw a RangeError for what is none. */
  readonly checkBlock: (block: string) => void;
  readonly checkZone: (zone: string) => void;
}

/** They walk a list that the client may make long, or keep a value that can double. */
const walks = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'bind']);

export function celRules(deps: CelRuleDeps): (ast: ASTNode) => readonly ConditionProblem[] {
  const literals: Readonly<Record<string, (value: string) => void>> = {
    inside: deps.checkBlock,
    at: deps.checkZone,
    header: checkHeader,
    arg: checkArg,
  };

  function visit(node: ASTNode, walking: boolean, problems: ConditionProblem[]): void {
    const offset = node.range.start;
    if (node.op !== 'call' && node.op !== 'rcall') {
      for (const child of childrenOf(node.args)) visit(child, walking, problems);
      return;
    }
    const [name] = node.args;
    const args = node.op === 'call' ? node.args[1] : node.args[2];
    const walks_ = node.op === 'rcall' && walks.has(name);
    if (walks_ && walking) {
      const message = `${name}() must not stand inside another walk over a list: the client chooses how long lists are`;
      problems.push({ message, offset });
    }
    const refused = refusals[name];
    if (refused !== undefined && (name !== 'dyn' || node.op === 'call')) problems.push({ ...refused, offset });
    if (node.op === 'rcall') {
      if (name.startsWith('get') && args.length > 0) {
        problems.push({
          message: `${name}() with a zone is too slow here`,
          fix: "time.at('Europe/Berlin').hour",
          offset,
        });
      }
      const check = literals[name];
      const [first] = args;
      if (check !== undefined && first !== undefined) checkLiteral(name, first, check, problems);
    }
    for (const child of childrenOf(node.args)) visit(child, walking || walks_, problems);
  }

  return (ast) => {
    const problems: ConditionProblem[] = [];
    visit(ast, false, problems);
    return problems;
  };
}

const refusals: Readonly<Record<string, { readonly message: string; readonly fix: string }>> = {
  // A pattern that an operator writes, over a text that a client writes, can hold the event loop for ever.
  matches: {
    message: 'matches() is not offered: a regular expression can take for ever',
    fix: 'startsWith, endsWith, contains, ==, in',
  },
  dyn: { message: 'dyn() is not offered: it hides what is checked here', fix: 'leave it out' },
};

function checkLiteral(name: string, node: ASTNode, check: (value: string) => void, problems: ConditionProblem[]): void {
  const offset = node.range.start;
  if (node.op !== 'value' || typeof node.args !== 'string') {
    problems.push({ message: `${name}() takes a text that is written out`, offset });
    return;
  }
  try {
    check(node.args);
  } catch (error) {
    problems.push({ message: error instanceof Error ? error.message : 'is not valid', offset });
  }
}

function checkHeader(name: string): void {
  if (conditionHeaders.includes(name)) return;
  const known = conditionHeaders.join(', ');
  throw new RangeError(`"${name}" is no header that a condition may read; in lower case it may read ${known}`);
}

function checkArg(name: string): void {
  if (!argName.test(name)) throw new RangeError('a field of the body is named by letters, digits, "_" and "-"');
}

/** Nodes among the arguments of a node. */
export function childrenOf(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === 'object' && args !== null && 'op' in args && 'range' in args ? [args as ASTNode] : [];
}
