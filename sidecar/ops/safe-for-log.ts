import { redact } from '../core/redact.ts';

/** Names under which a secret could sit; their strings are never printed. Hyphens, underscores and case do not count. */
const secretNames: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'password',
  'passphrase',
  'secret',
  'token',
  'apikey',
  'xapikey',
  'xgoogapikey',
  'xcfgatewaykey',
  'gatewaykey',
  'adminkey',
  'logkey',
  'masterkey',
  'privatekey',
]);

const maxDepth = 6;
const maxItems = 100;
const maxStringLength = 8_192;

/** A copy of `fields` that may be printed: bounded, redacted, errors reduced to what an operator needs. */
export function safeForLog(
  fields: Readonly<Record<string, unknown>>,
  withStack: boolean,
): Readonly<Record<string, unknown>> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) copy[name] = safeField(name, value, 0, withStack);
  return copy;
}

function safeField(name: string, value: unknown, depth: number, withStack: boolean): unknown {
  if (typeof value === 'string' && secretNames.has(name.toLowerCase().replaceAll(/[-_]/g, ''))) return '[redacted]';
  return safeValue(value, depth, withStack);
}

function safeValue(value: unknown, depth: number, withStack: boolean): unknown {
  if (typeof value === 'string') return redact(value.slice(0, maxStringLength));
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[deep]';
  if (value instanceof Error) return safeError(value, depth, withStack);
  if (value instanceof Date || ArrayBuffer.isView(value)) return value instanceof Date ? value : '[bytes]';
  if ('toJSON' in value && typeof value.toJSON === 'function') return safeValue(toJson(value), depth + 1, withStack);
  if (value instanceof Map || value instanceof Set) return `[${value.constructor.name} of ${value.size}]`;
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => safeValue(item, depth + 1, withStack));
  const copy: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value).slice(0, maxItems)) {
    copy[name] = safeField(name, inner, depth + 1, withStack);
  }
  return copy;
}

/** No `cause`: what a driver or a parser put there may quote its input. */
function safeError(error: Error, depth: number, withStack: boolean): Readonly<Record<string, unknown>> {
  return {
    name: error.name,
    message: redact(error.message.slice(0, maxStringLength)),
    ...('code' in error && { code: safeValue(error.code, depth + 1, withStack) }),
    ...(withStack && error.stack !== undefined && { stack: redact(error.stack.slice(0, maxStringLength)) }),
  };
}

function toJson(value: object & { readonly toJSON: unknown }): unknown {
  try {
    return (value.toJSON as () => unknown).call(value);
  } catch {
    return '[unprintable]';
  }
}
