import type { ResourceRecordOf, RevocationSpec } from '../core/resources.ts';
import { compileRevocation } from '../core/revocations.ts';
import { checkShape, readableFields } from './check-shape.ts';
import { messageOf } from './message-of.ts';
import type { CompiledRevocation } from './revocations.ts';

/**
 * A revocation that cannot be read revokes more than it did, since a fault must not become an allow: what it can no
 * longer name, it does not ask for.
 */
export function readRevocation(
  id: string,
  record: ResourceRecordOf<'revocation'> | undefined,
): { readonly revocation: CompiledRevocation | undefined; readonly problem: string | undefined } {
  if (record === undefined || record.disabled) return { revocation: undefined, problem: undefined };
  const { spec } = record;
  try {
    checkShape('revocation', spec);
    return { revocation: { spec, rule: compileRevocation(id, spec) }, problem: undefined };
  } catch (error) {
    const readable = readableFields('revocation', spec) as Partial<RevocationSpec>;
    const { issuer = '*', token, jti, subject } = readable;
    const widened = issuer === '*' ? { issuer } : { issuer, token, jti, subject };
    const problem = `${messageOf(error, 'cannot be read')}; until it is repaired it refuses every token that it may have meant`;
    return { revocation: { spec: widened, rule: compileRevocation(id, widened) }, problem };
  }
}
