import { z } from 'zod';
import { suggest } from '../config/closest.ts';
import { describeIssue } from '../config/describe-issue.ts';
import type { Report } from './report.ts';

/** Parses a value and reports every issue with its path; an unknown key becomes one problem of its own. */
export function readShape<T>(schema: z.ZodType<T>, value: unknown, report: Report): T | undefined {
  const result = schema.safeParse(value, { error: describeIssue });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, issue.path);
      for (const key of issue.keys) {
        report([...issue.path, key], 'is not a known key', { fix: suggest(key, known), at: 'key' });
      }
    } else if (issue.code === 'invalid_key') {
      report(issue.path, issue.issues[0]?.message ?? issue.message, { at: 'key' });
    } else {
      report(issue.path, issue.message);
    }
  }
  return undefined;
}

/** The keys that a map at `path` may have. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at = unwrap(schema);
  for (const part of path) {
    if (at instanceof z.ZodObject) at = unwrap((at.shape as Record<string, z.core.$ZodType>)[String(part)]);
    else if (at instanceof z.ZodArray) at = unwrap(at.element);
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  return schema;
}
