import { argHeaderPrefix } from '../core/condition-reads.ts';

/** Client headers that a condition may read; none of them carries a secret. The gateway must pass them on. */
export const conditionHeaders: readonly string[] = [
  'accept',
  'accept-language',
  'anthropic-beta',
  'anthropic-version',
  'content-type',
  'openai-beta',
  'origin',
  'referer',
  'x-client-name',
  'x-client-version',
  'x-environment',
  'x-stainless-lang',
  'x-stainless-package-version',
  'x-tenant',
  'x-tenant-id',
];

/** Names of body fields that a condition may read: what can stand in a header's name. */
export const argName = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})$/;

const readable = new Set(conditionHeaders);

/** Whether a header (in lower case) is one that a condition may read, of the client's or of its body. */
export function isConditionHeader(name: string): boolean {
  return readable.has(name) || name.startsWith(argHeaderPrefix);
}
