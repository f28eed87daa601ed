import { z } from 'zod';
import type { TokenRecord } from '../../core/resources.ts';
import { id, nonEmptyListOf, plainText, sha256, time } from '../fields.ts';
import type { TokenKind } from '../kind.ts';
import { readShape } from '../read-shape.ts';

const schema = z
  .strictObject({
    id: z
      .string()
      .regex(/^tok_[A-Za-z0-9._-]{1,60}$/, 'must be tok_ and 1 to 60 of letters, digits and ._-')
      .optional()
      .meta({ description: 'Default: tok_ and the first 24 digits of the hash.' }),
    consumer: id.meta({ description: 'Id of the consumer who presents it.' }),
    sha256: sha256.meta({
      description: 'Hex of the SHA-256 of the whole token; `credentialflow token new` prints it.',
    }),
    expires_at: time.meta({ description: 'Refused from then on; RFC 3339.' }),
    not_before: time.optional().meta({ description: 'Refused until then; RFC 3339.' }),
    scopes: nonEmptyListOf(id, 100).optional().meta({
      description: 'Ids of the policies that alone may allow with this token; left out: all that name its consumer.',
    }),
    description: plainText.optional().meta({ description: 'What it is for.' }),
  })
  .meta({ description: 'A token by its hash, never in clear.' });

/** Part of the hash of 160 random bits: it leads back to nothing, and the same document gives the same id. */
function idOf(hash: string): string {
  return `tok_${hash.slice(0, 24)}`;
}

export const tokenKind: TokenKind = {
  section: 'tokens',
  schema,
  read(value, { owner, report }) {
    const document = readShape(schema, value, report);
    if (document === undefined) return undefined;
    const expiresAtMs = Date.parse(document.expires_at);
    const notBeforeMs = document.not_before === undefined ? 0 : Date.parse(document.not_before);
    if (notBeforeMs >= expiresAtMs) report(['not_before'], 'must be before expires_at');
    return {
      id: document.id ?? idOf(document.sha256),
      sha256: document.sha256,
      consumer: document.consumer,
      owner,
      description: document.description,
      notBeforeMs,
      expiresAtMs,
      ...(document.scopes === undefined ? {} : { scopes: document.scopes }),
      rotatedFrom: undefined,
    };
  },
};

/** The entry that reads back as this token. */
export function writeToken(token: TokenRecord): Readonly<Record<string, unknown>> {
  return {
    ...(token.id === idOf(token.sha256) ? {} : { id: token.id }),
    consumer: token.consumer,
    sha256: token.sha256,
    expires_at: new Date(token.expiresAtMs).toISOString(),
    ...(token.notBeforeMs === 0 ? {} : { not_before: new Date(token.notBeforeMs).toISOString() }),
    ...(token.scopes === undefined ? {} : { scopes: token.scopes }),
    ...(token.description === undefined ? {} : { description: token.description }),
  };
}
