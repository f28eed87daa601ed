import type { Problem } from '../core/error.ts';

/** `file:line:column path: message (fix)`; a warning says that it is one. */
export function formatPlace(problem: Problem): string {
  const { severity, message, fix, file, line, column, path } = problem;
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return [
    place === '' ? '' : `${place} `,
    severity === 'warning' ? 'warning: ' : '',
    path === undefined || path === '' ? '' : `${path}: `,
    message,
    fix === undefined ? '' : ` (${fix})`,
  ].join('');
}
