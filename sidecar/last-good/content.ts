import type { StoreHistory, TokenFacts } from '../core/ports.ts';
import { resourceKinds, type ResourceKind, type ResourceRecord } from '../core/resources.ts';

/** What the small file says: how true the large one is, until when, and the tokens. */
export interface LastGoodHead extends StoreHistory {
  /** Names the file of the resources that this belongs to. */
  readonly resourcesId: string;
  /** Which store was meant, as the configuration names it; without a password. */
  readonly locator: string;
  /** Wall clock of the last read of changes that everything here holds, milliseconds. */
  readonly confirmedAtMs: number;
}

/** A token by the hash that it is looked up by, and what is known of it. */
export type KnownToken = readonly [sha256: string, facts: TokenFacts];

/** Only what a decision reads; owners and times stay in the store. */
export function encodeResource({ kind, id, disabled, spec }: ResourceRecord): string {
  return JSON.stringify([kind, id, disabled, spec]);
}

export function encodeToken([sha256, facts]: KnownToken): string {
  const { tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs, policies } = facts;
  const times = [notBeforeMs, expiresAtMs, revokedAtMs];
  return JSON.stringify([sha256, tokenId, consumerId, ...times, ...(policies === undefined ? [] : [policies])]);
}

export function encodeHead(head: LastGoodHead): string {
  const { storeId, epoch, revision, timeline, resourcesId, locator, confirmedAtMs } = head;
  return JSON.stringify({ storeId, epoch, revision, timeline, resourcesId, locator, confirmedAtMs });
}

/** These throw a RangeError for what the encoders do not write. What was authenticated is ours, but of which version? */
export function decodeHead(line: string): LastGoodHead {
  const value = JSON.parse(line) as Readonly<Record<keyof LastGoodHead, unknown>>;
  const { storeId, epoch, revision, timeline, resourcesId, locator, confirmedAtMs } = value;
  const isWhole =
    [storeId, resourcesId, locator].every((text) => typeof text === 'string') &&
    [epoch, revision, confirmedAtMs].every((number) => Number.isSafeInteger(number)) &&
    (timeline === undefined || typeof timeline === 'string');
  if (!isWhole) throw unknownForm();
  return value as LastGoodHead;
}

export function decodeToken(line: string): KnownToken {
  const [sha256, tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs, ...rest] = JSON.parse(
    line,
  ) as readonly unknown[];
  const [policies] = rest;
  const isWhole =
    [sha256, tokenId, consumerId].every((text) => typeof text === 'string') &&
    [notBeforeMs, expiresAtMs, revokedAtMs].every((time) => typeof time === 'number') &&
    rest.length <= 1 &&
    rest.every((list) => Array.isArray(list) && list.every((id) => typeof id === 'string'));
  if (!isWhole) throw unknownForm();
  const facts = { tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs };
  return [sha256, rest.length === 0 ? facts : { ...facts, policies }] as KnownToken;
}

export function decodeResource(line: string): ResourceRecord {
  const [kind, id, disabled, spec] = JSON.parse(line) as readonly unknown[];
  const isWhole =
    resourceKinds.includes(kind as ResourceKind) && typeof id === 'string' && typeof disabled === 'boolean';
  if (!isWhole) throw unknownForm();
  const record = { kind, id, owner: 'api', spec, disabled, revision: 0, createdAtMs: 0, updatedAtMs: 0 };
  // Its spec is judged where a snapshot is made of it, like one that comes from the store.
  return record as ResourceRecord;
}

function unknownForm(): RangeError {
  return new RangeError('it was written by another version');
}
