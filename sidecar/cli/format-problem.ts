import type { Problem } from '../core/error.ts';

/** `file:line:column path: message (fix)`, or `file: message`; a warning says that it is one. */
export function formatPlace(problem: Problem): string {
  const { severity, message, fix, file, line, column, path } = problem;
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return [
    place === '' ? '' : `${place}${line === undefined ? ':' : ''} `,
    severity === 'warning' ? 'warning: ' : '',
    path === undefined || path === '' || message.startsWith(path) ? '' : `${path}: `,
    message,
    fix === undefined ? '' : ` (${fix})`,
  ].join('');
}
