/** What tokens of language models cost. Micros are millionths of the currency that the prices are written in. */

export const microsPerUnit = 1_000_000;

/** Of a prompt or an answer. No request has more, and sums of them stay exact. */
export const mostTokens = 1_000_000_000;

/** A line of an upstream's price list, as it is stored. */
export interface PriceSpec {
  /** Name of the model; `*` stands for any characters. */
  readonly model: string;
  /** For a million tokens of the prompt, and of the answer. */
  readonly input_micros: number;
  readonly output_micros: number;
}

/** What a request took, as the gateway's log tells. */
export interface LlmUsage {
  /** Undefined: it does not say. What a client wrote may be in it. */
  readonly model: string | undefined;
  /** Whole, and at most {@link mostTokens}; so are those of the answer. */
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface Cost {
  readonly micros: number;
  /** False: no line of the list fits the model. */
  readonly priced: boolean;
}

/**
 * By the first line that fits, rounded up. A model that no line fits costs as much as any line says at most, so that no budget
 * is walked around by naming a model that is not listed.
 */
export function costOf(prices: readonly PriceSpec[], { model, promptTokens, completionTokens }: LlmUsage): Cost {
  const line = model === undefined ? undefined : prices.find((price) => matchesGlob(price.model, model));
  const input = line?.input_micros ?? Math.max(0, ...prices.map((price) => price.input_micros));
  const output = line?.output_micros ?? Math.max(0, ...prices.map((price) => price.output_micros));
  const micros = Math.ceil((promptTokens * input + completionTokens * output) / 1_000_000);
  return { micros, priced: line !== undefined };
}

/** Never slower than the product of the two lengths. */
function matchesGlob(glob: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  let i = 0;
  while (at < text.length) {
    if (glob[i] === '*') {
      star = i++;
      resumeAt = at;
    } else if (i < glob.length && glob[i] === text[at]) {
      i++;
      at++;
    } else if (star >= 0) {
      i = star + 1;
      at = ++resumeAt;
    } else return false;
  }
  while (glob[i] === '*') i++;
  return i === glob.length;
}
