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
  };
}

/** Names the spelling below: a value of another version is another kind and does not open. */
export const tokenValueKind = 'token/1';

export function encodeAnswer(answer: Validation): string {
  if ('deny' in answer) return '[]';
  const { tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs } = answer;
  return JSON.stringify([tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs]);
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
  const [tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs] = value as unknown[];
  const isWhole =
    typeof tokenId === 'string' &&
    typeof consumerId === 'string' &&
    typeof notBeforeMs === 'number' &&
    typeof expiresAtMs === 'number' &&
    typeof revokedAtMs === 'number';
  return isWhole ? ({ tokenId, consumerId, notBeforeMs, expiresAtMs, revokedAtMs } satisfies TokenFacts) : undefined;
}
