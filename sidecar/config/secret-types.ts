import { z } from 'zod';
import { splitMasterKeys } from '../core/master-key-text.ts';

/** A setting whose value is secret: by variable, by its `_FILE` twin, or by a reference in the document. */
export interface SecretType {
  readonly name: string;
  /** What is wrong with the value; must not repeat it. */
  readonly check: (value: string) => string | undefined;
  /** Whether the document may hold this very text, because nothing in it is secret. */
  readonly mayBeLiteral: (text: string) => boolean;
}

/** What the document holds in place of a secret. */
export const secretReference = z.union([
  z.strictObject({ from: z.literal('env'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ from: z.literal('file'), path: z.string().min(1) }),
]);
export type ConfigSecretReference = z.infer<typeof secretReference>;

/** Keys travel in headers and in APISIX's configuration, which interpolates `$` (apisix facts, 1). */
export function key(): SecretType {
  return {
    name: 'secret, at least 32 characters',
    check: (value) => {
      if (value.startsWith('://')) return 'is an unresolved reference: it starts with "://"';
      if (value.length < 32) return 'must have at least 32 characters';
      if (value.length > 512) return 'must have at most 512 characters';
      if (value.includes('$')) return 'must not contain "$": APISIX would interpolate it';
      return /^[\u0021-\u007e]+$/.test(value) ? undefined : 'must hold visible ASCII only, without white space';
    },
    mayBeLiteral: () => false,
  };
}

export function masterKey(): SecretType {
  return {
    name: 'secret, 32 bytes in base64, or several as `VERSION:BASE64`, the current one first',
    check: (value) =>
      splitMasterKeys(value) === undefined
        ? 'must be 32 bytes in base64 (44 characters), or several different ones as VERSION:BASE64'
        : undefined,
    mayBeLiteral: () => false,
  };
}

const inQuery = /[?&][^=]*(password|secret|token)/i;

/** A locator such as `sqlite:PATH` or `redis://…`; secret because it may hold a password. */
export function locator(forms: readonly string[], accepts: (value: string) => boolean): SecretType {
  return {
    name: forms.map((form) => `\`${form}\``).join(', '),
    check: (value) => (accepts(value) ? undefined : `must be one of ${forms.join(', ')}`),
    // Not by a URL parser: some name several hosts, and a malformed one must not pass for harmless.
    mayBeLiteral: (text) =>
      !text.includes('//') || (!/:[^@]*@/.test(text.replace(/^[a-z-]+:/, '')) && !inQuery.test(text)),
  };
}

export function isStoreLocator(value: string): boolean {
  return /^sqlite:[^\0\r\n]+$/.test(value) || isUrlOf(value, ['postgres:', 'postgresql:']);
}

/** By its scheme only: the family reads the rest. */
export function isCacheLocator(value: string): boolean {
  return value === 'memory' || /^rediss?(-sentinel|-cluster)?:\/\/[^\s]+$/.test(value);
}

function isUrlOf(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol) && /^[a-z]+:\/\/./.test(value);
}
