import type { ErrorCode } from '../../core/codes.ts';
import { CredentialFlowError } from '../../core/error.ts';
import type { Owner } from '../../core/resources.ts';

/** What a mutation names. Ids are not secret; a token is named by its id, never by its hash. */
export interface Named {
  readonly kind: string;
  readonly id: string;
}

export function refusal(code: ErrorCode, named: Named, why: string): CredentialFlowError {
  const path = `${named.kind}/${named.id}`;
  const message = `${path} ${why}`;
  return new CredentialFlowError(code, message, { problems: [{ severity: 'error', message, path }] });
}

/** The refusal of a change by somebody who does not own what is there. */
export function ownedByAnother(named: Named, owner: Owner): CredentialFlowError {
  return owner === 'api'
    ? refusal('resource_exists', named, 'exists already and is managed through the admin API')
    : refusal('resource_owned_by_file', named, `is owned by ${owner}`);
}
