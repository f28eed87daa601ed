import type { z } from 'zod';

type RawIssue = z.core.$ZodRawIssue;

const names: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/**
 * Says in plain words what is wrong with a value, and never repeats the value: it may be a secret in the wrong place.
 * To be given to zod as the error map of a parse; a message at the schema itself wins.
 */
export function describeIssue(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.input === undefined) return 'is missing';
      const expected = `must be ${names[issue.expected] ?? issue.expected}`;
      const quotable = issue.expected === 'string' && ['number', 'boolean'].includes(typeof issue.input);
      return quotable ? `${expected}: put it in quotes` : expected;
    }
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') {
        return Number(issue.minimum) <= 1
          ? 'must not be empty'
          : `must have at least ${String(issue.minimum)} ${counted(issue.origin)}`;
      }
      return `must be at least ${String(issue.minimum)}`;
    case 'too_big':
      if (issue.origin === 'string' || issue.origin === 'array') {
        return `must have at most ${String(issue.maximum)} ${counted(issue.origin)}`;
      }
      return `must be at most ${String(issue.maximum)}`;
    case 'unrecognized_keys':
      return 'is not a known key';
    default:
      return 'is not valid';
  }
}

function counted(origin: string): string {
  return origin === 'string' ? 'characters' : 'entries';
}
