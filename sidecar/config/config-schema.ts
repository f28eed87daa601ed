import { z } from 'zod';
import { secretReference } from './secret-types.ts';
import { settings } from './settings.ts';
import type { Setting } from './settings.ts';

/** JSON Schema (2020-12) of credentialflow.yaml, for editors. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const root = objectOf(Object.values(settings), '').meta({
    title: 'credentialflow.yaml',
    description: 'Configuration of the CredentialFlow sidecar. Every key is optional.',
  });
  return z.toJSONSchema(root, { io: 'input' });
}

function objectOf(all: readonly Setting[], prefix: string): z.ZodType {
  const shape: Record<string, z.ZodType> = {};
  for (const setting of all) {
    const [name = '', ...deeper] = setting.key.slice(prefix.length).split('.');
    if (Object.hasOwn(shape, name)) continue;
    const inside = `${prefix}${name}.`;
    const schema =
      deeper.length === 0
        ? leafOf(setting)
        : objectOf(
            all.filter((other) => other.key.startsWith(inside)),
            inside,
          ).nullable();
    shape[name] = schema.optional();
  }
  return z.strictObject(shape);
}

function leafOf(setting: Setting): z.ZodType {
  const { description } = setting;
  if (!('secret' in setting)) return setting.type.schema.meta({ description });
  const literal = setting.secret.mayBeLiteral('') ? [z.string()] : [];
  return z.union([...secretReference.options, ...literal]).meta({ description });
}
