import { z } from 'zod';
import { consumerHeader, credentialHeader } from '../core/preset.ts';

/** Names that no resource may claim: they frame the message, or are the gateway's and our own (apisix facts, 1 and 2). */
const forbidden = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  consumerHeader,
  credentialHeader,
]);

/** RFC 9110 token, in lower case: APISIX before 3.18 mixes up names that differ in case only. */
export const headerName = z
  .string()
  .max(128)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be a header name')
  .transform((name) => name.toLowerCase())
  .refine((name) => !forbidden.has(name) && !/^x-(?:forwarded|cf)-/.test(name), {
    error: 'is a header that belongs to the connection, the gateway or CredentialFlow',
  });

/** What nginx passes on: visible characters, space, tab and the bytes over 0x7f; at most 6 KB. */
export const headerValue = z
  .string()
  .min(1)
  .max(6_144)
  .regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, 'must hold no bytes that a header cannot carry')
  .refine((value) => value.trim() === value, 'must not begin or end with white space');
