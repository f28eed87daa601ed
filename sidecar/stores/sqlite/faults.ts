import type { ErrorCode } from '../../core/codes.ts';
import { CredentialFlowError, type Problem } from '../../core/error.ts';
import { faultName, property } from '../fault-name.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const sqliteBusy = 5;
const sqliteFull = 13;
const sqliteConstraint = 19;

/**
 * What the store's callers may see of a fault. SQLite's own text for the code, never the error's message: a message of
 * a driver or of JSON.parse can quote the row.
 */
export function storeFault(error: unknown): CredentialFlowError {
  if (error instanceof CredentialFlowError) return error;
  const code = primaryCode(error);
  if (code === sqliteFull || property(error, 'code') === 'ENOSPC') return new CredentialFlowError('storage_full');
  if (code === sqliteBusy) return new CredentialFlowError('store_failed', 'the database is locked by another process');
  if (code !== undefined) {
    const text = property(error, 'errstr');
    return new CredentialFlowError('store_failed', `sqlite: ${typeof text === 'string' ? text : 'error'} (${code})`);
  }
  return new CredentialFlowError('store_failed', `the store failed (${faultName(error)})`);
}

/** Runs `work`; whatever it throws leaves as a CredentialFlowError. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeFault(error);
  }
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === sqliteBusy;
}

export function isConstraint(error: unknown): boolean {
  return primaryCode(error) === sqliteConstraint;
}

/** A CredentialFlowError as it crosses threads: structured clone keeps neither class nor own fields of errors. */
export interface WireFault {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly problems: readonly Problem[];
}

export function toWire(error: unknown): WireFault {
  const fault = storeFault(error);
  return { code: fault.code, detail: fault.message, problems: fault.problems };
}

export function fromWire(fault: WireFault): CredentialFlowError {
  return new CredentialFlowError(fault.code, fault.detail, { problems: fault.problems });
}

function primaryCode(error: unknown): number | undefined {
  const extended = property(error, 'errcode');
  return typeof extended === 'number' ? extended & 0xff : undefined;
}
