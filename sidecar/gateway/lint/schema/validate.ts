import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { CredentialFlowError } from '../../../core/error.ts';
import type { Configuration, Plugin } from '../configuration.ts';
import { asMap, isMap } from '../source.ts';
import type { Data, Spot } from '../source.ts';
import type { Hit } from '../rule.ts';
import { cleanSchema } from './clean-schema.ts';

/** Finds what the gateway itself would refuse. */
export interface SchemaCheck {
  hits(configuration: Configuration): readonly Hit[];
}

/** `schemas`: what GET /v1/schema of the Control API answers. Throws where it is something else. */
export function createSchemaCheck(schemas: unknown): SchemaCheck {
  const { main, plugins } = asMap(schemas);
  if (!isMap(main) || !isMap(plugins)) {
    throw new CredentialFlowError('config_invalid', 'the schemas are not what /v1/schema of the Control API answers');
  }
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false, validateFormats: false });
  const compiled = new Map<string, ValidateFunction | undefined>();

  function validatorOf(name: string, schema: unknown): ValidateFunction | undefined {
    if (!compiled.has(name)) {
      try {
        compiled.set(name, ajv.compile(cleanSchema(schema) as object));
      } catch {
        // A schema that cannot be compiled here refuses nothing.
        compiled.set(name, undefined);
      }
    }
    return compiled.get(name);
  }

  function* check(name: string, schema: unknown, spot: Spot): Iterable<Hit> {
    const validate = validatorOf(name, schema);
    const value = withDefaults(asMap(spot.value), schema);
    if (validate === undefined || validate(value)) return;
    const seen = new Set<string>();
    for (const { instancePath, keyword, message, params } of validate.errors ?? []) {
      const at = spotOf(spot, instancePath);
      // A variable of the environment is not there yet; `if` only says that another error follows.
      if (keyword === 'if' || (typeof at.value === 'string' && at.value.includes('${'))) continue;
      const more =
        keyword === 'additionalProperties'
          ? ` (${String((params as Readonly<Record<string, unknown>>)['additionalProperty'])})`
          : '';
      const detail = `${name}: ${message ?? keyword}${more}`;
      if (seen.has(`${instancePath} ${detail}`)) continue;
      seen.add(`${instancePath} ${detail}`);
      yield { spot: at, detail };
    }
  }

  function* checkPlugin({ name, spot }: Plugin): Iterable<Hit> {
    const schema = asMap(asMap(plugins)[name])['schema'];
    if (schema === undefined) yield { spot, what: 'key', detail: `the gateway has no plugin ${name}` };
    else yield* check(name, schema, spot);
  }

  return {
    hits(configuration) {
      const { routes, services, pluginConfigs, globalRules, consumers } = configuration;
      const hits: Hit[] = [];
      for (const [kind, list] of [
        ['route', routes],
        ['service', services],
        ['plugin_config', pluginConfigs],
        ['global_rule', globalRules],
        ['consumer', consumers],
      ] as const) {
        for (const { spot, form, plugins: set } of list) {
          for (const plugin of set.values()) hits.push(...checkPlugin(plugin));
          // ADC and manifests are resources of their own kinds; only their plugins are the gateway's.
          const native = form === 'standalone' || form === 'admin-api';
          if (native && main[kind] !== undefined) hits.push(...check(kind, main[kind], spot));
        }
      }
      return hits;
    },
  };
}

/** The gateway fills in defaults before it looks at `if`: which policy it is decides what else must be there. */
function withDefaults(value: Data, schema: unknown): Data {
  const defaults = Object.entries(asMap(asMap(schema)['properties']))
    .map(([key, property]) => [key, asMap(property)['default']] as const)
    .filter(([, fallback]) => fallback !== undefined && typeof fallback !== 'object');
  return { ...Object.fromEntries(defaults), ...value };
}

function spotOf(spot: Spot, pointer: string): Spot {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<Spot>((parent, key) => parent.at(Array.isArray(parent.value) ? Number(key) : key), spot);
}
