import { z } from 'zod';
import { kinds } from './kinds/index.ts';
import { tokenKind } from './kinds/token.ts';

/** JSON Schema (2020-12) of one resource of each kind, as it stands in a file, by the name of the kind. */
export function resourceJsonSchemas(): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  return Object.fromEntries(
    Object.values(kinds).map(({ kind, schema }) => {
      const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' });
      return [kind, rest];
    }),
  );
}

/** JSON Schema (2020-12) of a resource file, for editors. */
export function resourcesJsonSchema(): Readonly<Record<string, unknown>> {
  const shape: Record<string, z.ZodType> = {};
  for (const { section, schema } of [...Object.values(kinds), tokenKind]) {
    shape[section] = z.array(schema).nullable().optional();
  }
  const root = z.strictObject(shape).meta({
    title: 'resources.yaml',
    description:
      'What a CredentialFlow sidecar serves: gateways, upstreams, credentials, consumers, policies, limits, tokens.',
  });
  return z.toJSONSchema(root, { io: 'input' });
}
