import { isMap } from '../source.ts';

const listKeywords = new Set(['required', 'enum', 'anyOf', 'oneOf', 'allOf']);

/**
 * The gateway's schemas come out of Lua, which writes an empty table as `{}` where a list belongs, and has keywords and
 * patterns of its own: what no validator of JSON Schema can use is left out, so that it refuses nothing by mistake.
 */
export function cleanSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(cleanSchema);
  if (!isMap(schema)) return schema;
  const entries = Object.entries(schema).filter(([keyword, value]) => {
    if (listKeywords.has(keyword)) return Array.isArray(value);
    if (keyword === 'pattern') return typeof value !== 'string' || isPattern(value);
    // An empty list as a default would be an object.
    if (keyword === 'default') return !isMap(value) || Object.keys(value).length > 0 || schema['type'] === 'object';
    return keyword !== 'encrypt_fields';
  });
  return Object.fromEntries(entries.map(([keyword, value]) => [keyword, cleanSchema(value)]));
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
