/** `x-ratelimit-remaining-requests` (OpenAI, Mistral …), `anthropic-ratelimit-tokens-remaining`. */
const remainingPattern = /^(?:x|anthropic)-ratelimit-(?:remaining-([a-z-]{1,32})|([a-z-]{1,32})-remaining)$/;

/** Names come from a gateway's `log_format`: a dozen, over and over. */
const maxKept = 200;

/** What a response header (lower case) says is left of: `requests`, `tokens` …; undefined: it says nothing like that. */
export type LimitOfHeader = (name: string) => string | undefined;

export function createLimitOfHeader(): LimitOfHeader {
  const known = new Map<string, string | undefined>();
  return (name) => {
    const limit = known.get(name);
    if (limit !== undefined || known.has(name)) return limit;
    const match = remainingPattern.exec(name);
    const found = match?.[1] ?? match?.[2];
    if (known.size < maxKept) known.set(name, found);
    return found;
  };
}
