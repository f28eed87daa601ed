import { z } from 'zod';
import { id, plainText, time } from '../fields.ts';
import { defineKind } from '../kind.ts';

const claim = z.string().min(1).max(512);

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among revocations.' }),
    issuer: id.meta({ description: 'Id of the issuer whose tokens are meant.' }),
    token: z
      .string()
      .regex(/^jwt_[0-9a-f]{24}$/, 'must be jwt_ and 24 hex digits, as the audit names the token')
      .optional()
      .meta({ description: 'One token, by the id under which the audit names it.' }),
    jti: claim.optional().meta({ description: 'Tokens with this `jti`.' }),
    subject: claim.optional().meta({ description: 'Tokens with this `sub`.' }),
    issued_before: time.optional().meta({ description: 'Only tokens issued before; RFC 3339.' }),
    expires_at: time.optional().meta({ description: 'From then on it says nothing; RFC 3339.' }),
    reason: plainText.optional().meta({ description: 'Why.' }),
  })
  .meta({ description: 'Tokens of an issuer that are refused although they verify. All that is given must fit.' });

export const revocationKind = defineKind({
  kind: 'revocation',
  section: 'revocations',
  schema,
  toSpec({ id: _id, ...spec }, { report }) {
    const { token, jti, subject, issued_before: before } = spec;
    if (token === undefined && jti === undefined && subject === undefined && before === undefined) {
      report([], 'means every token of the issuer, for good', {
        severity: 'warning',
        fix: 'give token, jti, subject or issued_before, or disable the issuer',
      });
    }
    return spec;
  },
  write: (revocationId, spec) => ({
    id: revocationId,
    ...Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)),
  }),
});
