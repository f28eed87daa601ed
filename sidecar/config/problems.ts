import { CredentialFlowError } from '../core/error.ts';
import type { Problem } from '../core/error.ts';

/** `file:line:column path: message (fix)`, as editors and terminals make it clickable. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const path = problem.path === undefined || problem.path === '' ? '' : `${problem.path}: `;
  const fix = problem.fix === undefined ? '' : ` (${problem.fix})`;
  return `${place === '' ? '' : `${place} `}${path}${problem.message}${fix}`;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** `config_invalid` with all problems; its message lists the errors, one a line. */
export function configInvalid(what: string, problems: readonly Problem[]): CredentialFlowError {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const count = errors.length === 1 ? '1 problem' : `${errors.length} problems`;
  const lines = errors.map((problem) => `\n  ${formatProblem(problem)}`);
  return new CredentialFlowError('config_invalid', `${what}: ${count}${lines.join('')}`, { problems });
}

/** `['upstreams', 0, 'preset']` → `upstreams[0].preset`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
