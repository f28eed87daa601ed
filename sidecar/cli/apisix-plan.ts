import type { Plan, Step } from '../gateway/sync/plan.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

const marks = { add: '+', change: '~', remove: '-' } as const;
const mostPaths = 6;

/** The plan for people: a line for each route that changes. Paths of differences, never values: one may be a key. */
export function describePlan({ steps, inStep, refusals }: Plan, terminal: Terminal): string {
  const paint = (text: string): string => terminal.paintOut('bold', text);
  const rows = steps.map((step) => [marks[step.action], step.action, step.id, about(step)]);
  const lines = [
    ...(rows.length === 0 ? [] : [formatTable(['', 'STEP', 'ROUTE', 'WHAT'], rows, paint)]),
    ...refusals.map((refusal) => `! ${refusal}`),
    `${summary(steps)}; ${counted(inStep.length, 'route')} in step.`,
  ];
  return lines.join('\n');
}

export function planAsJson({ steps, inStep, refusals, warnings }: Plan) {
  const ids = (action: Step['action']): readonly string[] =>
    steps.filter((step) => step.action === action).map(({ id }) => id);
  return {
    added: ids('add'),
    changed: steps.flatMap((step) =>
      step.action === 'change' ? [{ id: step.id, differences: step.differences }] : [],
    ),
    removed: ids('remove'),
    in_step: inStep,
    refusals,
    warnings,
  };
}

function summary(steps: readonly Step[]): string {
  if (steps.length === 0) return 'Nothing to do';
  const count = (action: Step['action']): number => steps.filter((step) => step.action === action).length;
  return `${count('add')} to add, ${count('change')} to change, ${count('remove')} to remove`;
}

function about(step: Step): string {
  if (step.action !== 'change') {
    const { uri, uris } = step.action === 'add' ? step.route : step.before;
    return JSON.stringify(uri ?? uris ?? '');
  }
  const shown = step.differences.slice(0, mostPaths).join(', ');
  const more = step.differences.length - mostPaths;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function counted(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
}
