import type { TokenFacts, TokenRead, Validation } from '../core/ports.ts';

export const unknownToken = Object.freeze({ deny: 'token_unknown' } as const);

/** What is kept of a read of the store; the record's other fields never leave it. */
export function answerOf({ token }: TokenRead): Validation {
  if (token === undefined) return unknownToken;
  return {
    tokenId: token.id,
    consumerId: token.consumer,
    notBeforeMs: token.notBeforeMs,
    expiresAtMs: token.expiresAtMs,
    revokedAtMs: token.revokedAtMs ?? 0,
    ...(token.scopes === undefined ? {} : { policies: token.scopes }),
  };
}

/** Names the spelling below: a value of another version is another kind and does not open. */
export const tokenValueKind = 'token/2';

export function encodeAnswer(answer: Validation): string {
  if ('deny' in answer) return '[]';
  const { tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs, policies } = answer;
  const times = [notBeforeMs, expiresAtMs, revokedAtMs];
  return JSON.stringify([tokenId, consumerId, ...times, ...(policies === undefined ? [] : [policies])]);
}

/** Undefined: not what {@link encodeAnswer} writes. */
export function decodeAnswer(text: string): Validation | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (value.length === 0) return unknownToken;
  const [tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs, policies] = value as unknown[];
  const isWhole =
    typeof tokenId === 'string' &&
    typeof consumerId === 'string' &&
    typeof notBeforeMs === 'number' &&
    typeof expiresAtMs === 'number' &&
    typeof revokedAtMs === 'number' &&
    (policies === undefined || (Array.isArray(policies) && policies.every((id) => typeof id === 'string')));
  if (!isWhole) return undefined;
  const facts: TokenFacts = { tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs };
  return policies === undefined ? facts : { ...facts, policies };
}
