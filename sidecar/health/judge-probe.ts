import type { Preset } from '../core/preset.ts';
import { readPause } from './read-pause.ts';

export interface ProbeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What a probe found out. */
export type Verdict =
  /** The upstream takes the key, as far as this request shows: it costs nothing, so credit is not looked at. */
  | { readonly kind: 'works' }
  | { readonly kind: 'dead'; readonly reason: string }
  | { readonly kind: 'limited'; readonly untilMs: number | undefined }
  /** No answer, or one that says nothing about the key. */
  | { readonly kind: 'unsure' };

/** google.rpc.RetryInfo, which comes in the body only. */
const retryInfo = /"retryDelay":\s*"(\d{1,9}(?:\.\d{1,9})?)s"/;

export function judgeProbe(preset: Pick<Preset, 'deadKey'>, answer: ProbeAnswer, nowMs: number): Verdict {
  const { status, headers, text } = answer;
  for (const rule of preset.deadKey) {
    if (rule.status !== status || !text.includes(rule.bodyIncludes ?? '')) continue;
    return { kind: 'dead', reason: rule.bodyIncludes?.toLowerCase() ?? `status_${String(status)}` };
  }
  if (status === 429) {
    const inBody = retryInfo.exec(text)?.[1];
    const pause = inBody === undefined ? headers : { 'retry-after': inBody, ...headers };
    return { kind: 'limited', untilMs: readPause(pause, nowMs) };
  }
  return { kind: status >= 200 && status < 300 ? 'works' : 'unsure' };
}
