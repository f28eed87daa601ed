/** `x-ratelimit-remaining-requests` (OpenAI, Mistral …), `anthropic-ratelimit-tokens-remaining`. */
const remainingPattern = /^(?:x|anthropic)-ratelimit-(?:remaining-([a-z-]{1,32})|([a-z-]{1,32})-remaining)$/;

/** What a response header says is left of: `requests`, `tokens` …; undefined: it says nothing like that. Lower case. */
export function limitOfHeader(name: string): string | undefined {
  if (!name.includes('remaining')) return undefined;
  const match = remainingPattern.exec(name);
  return match?.[1] ?? match?.[2];
}
