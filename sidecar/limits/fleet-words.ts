import { mostTokens, type LlmUsage } from '../core/prices.ts';

/** A request has ended; what its tokens were. */
export interface End {
  readonly requestId: string;
  readonly usage: LlmUsage | undefined;
}

/** What one sidecar tells all others: JSON, `["short", from, key]` or `["ends", from, end, …]`. */
export type Word =
  | { readonly kind: 'short'; readonly from: string; readonly key: string }
  | { readonly kind: 'ends'; readonly from: string; readonly ends: readonly End[] };

export function writeShort(from: string, key: string): string {
  return JSON.stringify(['short', from, key]);
}

/** Of what {@link writeEnd} wrote. */
export function writeEnds(from: string, ends: readonly string[]): string {
  return `["ends",${[JSON.stringify(from), ...ends].join()}]`;
}

export function writeEnd({ requestId, usage }: End): string {
  if (usage === undefined) return JSON.stringify(requestId);
  const { promptTokens, completionTokens, model } = usage;
  return JSON.stringify([requestId, promptTokens, completionTokens, ...(model === undefined ? [] : [model])]);
}

const maxTextLength = 200;

/** Undefined: it is none. Anybody may have written it. */
export function readWord(message: string): Word | undefined {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [kind, from, ...rest] = value as readonly unknown[];
  if (typeof from !== 'string') return undefined;
  if (kind === 'ends') return { kind, from, ends: rest.map(readEnd).filter((end) => end !== undefined) };
  const [key] = rest;
  return kind === 'short' && typeof key === 'string' ? { kind, from, key } : undefined;
}

function readEnd(value: unknown): End | undefined {
  if (typeof value === 'string') return { requestId: value, usage: undefined };
  if (!Array.isArray(value)) return undefined;
  const [requestId, promptTokens, completionTokens, model] = value as readonly unknown[];
  const isWhole =
    typeof requestId === 'string' &&
    isCount(promptTokens) &&
    isCount(completionTokens) &&
    (model === undefined || (typeof model === 'string' && model.length <= maxTextLength));
  return isWhole ? { requestId, usage: { model, promptTokens, completionTokens } } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostTokens;
}
