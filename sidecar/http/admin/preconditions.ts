import type { Request } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { ResourceRecord } from '../../core/resources.ts';
import { refuse } from './problem.ts';

/** The entity tag of a resource is its revision. */
export function etagOf(record: Pick<ResourceRecord, 'revision'>): string {
  return `"${record.revision}"`;
}

/**
 * The revision the resource must be at (RFC 9110, 13.1): `If-Match: "<revision>"`, or 0 for `If-None-Match: *`, which
 * creates only. Undefined where the caller states no condition.
 */
export function requiredRevision(req: Request, current: ResourceRecord | undefined): number | undefined {
  const match = req.headers['if-match'];
  const noneMatch = req.headers['if-none-match'];
  if (match === undefined && noneMatch === undefined) return undefined;
  if (match !== undefined && noneMatch !== undefined) {
    refuse('bad_request', 'If-Match and If-None-Match exclude each other', { path: 'If-None-Match' });
  }
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*') refuse('bad_request', 'If-None-Match must be *', { path: 'If-None-Match' });
    if (current !== undefined) throw new CredentialFlowError('resource_exists');
    return 0;
  }
  if (match?.trim() === '*') {
    if (current === undefined) throw new CredentialFlowError('revision_conflict');
    return current.revision;
  }
  const revision = /^"(\d{1,15})"$/.exec(match?.trim() ?? '')?.[1];
  if (revision === undefined) {
    refuse('bad_request', 'If-Match must be one entity tag as an ETag header gave it', { path: 'If-Match' });
  }
  // Said here too, because not every change carries a revision into the store.
  if (current?.revision !== Number(revision)) throw new CredentialFlowError('revision_conflict');
  return Number(revision);
}
