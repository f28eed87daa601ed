import { hash } from 'node:crypto';
import { usageFailure } from './failure.ts';

/** An id as `token list` shows it. A token in its place is not sent anywhere, but what its id would be is said. */
export function readTokenId(text: string): string {
  if (text.startsWith('tok_')) return text;
  if (!text.startsWith('cf_'))
    throw usageFailure('this is no id of a token', '`credentialflow token list` shows them: tok_…');
  const id = `tok_${hash('sha256', text).slice(0, 24)}`;
  throw usageFailure(
    'this is a token, not its id, and now it is in the history of the shell',
    `if nobody chose another, its id is ${id}: revoke that`,
  );
}
