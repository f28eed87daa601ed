import type { ErrorCode } from '../../core/codes.ts';
import { CredentialFlowError } from '../../core/error.ts';
import type { Owner } from '../../core/resources.ts';

/** What a mutation names. Ids are not secret; a token is named by its id, never by its hash. */
export interface Named {
  readonly kind: string;
  readonly id: string;
}

export function refusal(code: ErrorCode, named: Named, why: string, fix?: string): CredentialFlowError {
  const path = `${named.kind}/${named.id}`;
  const message = `${path} ${why}`;
  const problem = { severity: 'error', message, path, ...(fix === undefined ? {} : { fix }) } as const;
  return new CredentialFlowError(code, message, { problems: [problem] });
}

/**
 * An owner changes its own. A file also takes over what the API made, where it declares just that: so a file that was
 * applied, or exported, can become the authority without a moment in which nothing is there.
 */
export function mayChange(owner: Owner, present: Owner, isSame: boolean): boolean {
  return owner === present || (present === 'api' && isSame);
}

/** The refusal of a change by somebody who does not own what is there. */
export function ownedByAnother(named: Named, owner: Owner): CredentialFlowError {
  return owner === 'api'
    ? refusal(
        'resource_exists',
        named,
        'exists already, differs, and is managed through the admin API',
        'declare it as `credentialflow export` prints it, and the file takes it over; or delete it there',
      )
    : refusal('resource_owned_by_file', named, `is owned by ${owner}`);
}
