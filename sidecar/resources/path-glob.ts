import { z } from 'zod';

/**
 * Says what is wrong with a glob over the upstream's own path. `*` stands for any characters inside one segment, `**`
 * (a whole segment, once) for any number of segments. Patterns are compared with decoded segments, so a pattern that
 * no judged path can equal (core/path.ts) is a mistake that would allow or deny nothing.
 */
export function globProblem(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return 'must start with "/"';
  if (pattern.length > 1_024) return 'must have at most 1024 characters';
  if (/[\p{Cc}\\?#]/u.test(pattern)) return 'must hold no control character, "\\", "?" or "#": no path has them';
  if (/%[0-9A-Fa-f]{2}/.test(pattern)) return 'must be written decoded: paths are decoded before they are compared';
  const segments = pattern === '/' ? [] : pattern.slice(1).split('/');
  if (segments.some((segment, i) => segment === '' && i < segments.length - 1)) return 'must have no empty segment';
  if (segments.some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) return 'must have no "." or ".." segment';
  if (segments.some((segment) => segment.includes('**') && segment !== '**'))
    return 'must have "**" as a whole segment';
  if (segments.filter((segment) => segment === '**').length > 1) return 'must have "**" at most once';
  return undefined;
}

export const pathGlob = z.string().superRefine((pattern, context) => {
  const message = globProblem(pattern);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
