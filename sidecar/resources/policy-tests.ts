import { z } from 'zod';
import { formatPath } from '../config/problems.ts';
import { readYaml } from '../config/yaml-documents.ts';
import type { Problem } from '../core/error.ts';
import { readShape } from './read-shape.ts';
import { time } from './fields.ts';

const text = z.string().min(1).max(4_096);
/** YAML reads an unquoted time as text, but a person may quote it or not. */
const given = z
  .strictObject({
    consumer: text.optional(),
    /** Or: whom this issuer's resource makes of these claims. */
    issuer: text.optional(),
    claims: z.record(z.string(), z.unknown()).optional(),
    upstream: text,
    method: text.default('GET'),
    /** The upstream's own path, query included. */
    path: text.regex(/^\//, 'must start with "/"'),
    scopes: z.array(text).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    address: text.optional(),
    model: z.string().optional(),
    time: time.optional(),
  })
  .refine(
    ({ consumer, issuer }) => (consumer === undefined) !== (issuer === undefined),
    'needs a consumer, or an issuer with claims',
  )
  .refine(({ issuer, claims }) => (claims === undefined) === (issuer === undefined), 'issuer and claims go together')
  .refine(
    ({ issuer, scopes }) => issuer === undefined || scopes === undefined,
    'has scopes, which narrow opaque tokens: those of a JWT are among its claims',
  );
const expected = z.union([
  z.enum(['allow', 'deny']),
  z.strictObject({ outcome: z.enum(['allow', 'deny']), code: text.optional(), policy: text.optional() }),
]);
const schema = z.strictObject({ cases: z.array(z.strictObject({ name: text, given, expect: expected })).min(1) });

export interface PolicyCase {
  readonly name: string;
  readonly file: string;
  readonly line: number | undefined;
  readonly given: z.infer<typeof given>;
  readonly expect: { readonly outcome: 'allow' | 'deny'; readonly code?: string | undefined; readonly policy?: string | undefined }; // prettier-ignore
}

/** Reads a file of policy tests: `cases`, each with `name`, `given` and `expect`. Never throws. */
export function readPolicyTests(
  source: string,
  file: string,
): { readonly cases: readonly PolicyCase[]; readonly problems: readonly Problem[] } {
  const { documents, problems: syntax } = readYaml(source, file);
  const problems: Problem[] = [...syntax];
  const cases: PolicyCase[] = [];
  for (const document of documents) {
    const read = readShape(schema, document.value, (path, message, { fix, at } = {}) => {
      const place = { file, path: formatPath(path), ...document.locate(path, at) };
      problems.push({ severity: 'error', message, ...place, ...(fix === undefined ? {} : { fix }) });
    });
    for (const [at, { name, given: asked, expect }] of (read?.cases ?? []).entries()) {
      const line = document.locate(['cases', at])?.line;
      cases.push({ name, file, line, given: asked, expect: typeof expect === 'string' ? { outcome: expect } : expect });
    }
  }
  if (cases.length === 0 && problems.length === 0) problems.push({ severity: 'error', message: 'there are no cases', file }); // prettier-ignore
  return { cases, problems };
}
