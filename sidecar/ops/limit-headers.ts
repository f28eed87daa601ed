/** `x-ratelimit-remaining-requests` (OpenAI, Mistral …), `anthropic-ratelimit-tokens-remaining`, `x-ratelimit-remaining`. */
const remainingPattern = /^(?:(?:x|anthropic)-)?ratelimit-(?:remaining(?:-([a-z-]{1,32}))?|([a-z-]{1,32})-remaining)$/;
/** draft-ietf-httpapi-ratelimit-headers: `"burst";r=50;t=30, "day";r=9;t=80000`; before, `limit=100, remaining=50, reset=30`. */
const draftHeader = 'ratelimit';
const draftItem = /"([\w.-]{1,32})"\s*;[^,]{0,100}?\br=(\d{1,15})\b/g;
const olderDraft = /\bremaining=(\d{1,15})\b/;

/** Limit of a header that names none. */
const unnamed = 'requests';
/** Names come from a gateway's `log_format`: a dozen, over and over. */
const maxKept = 200;
const nothing: readonly (readonly [limit: string, left: number])[] = [];

/** What a response header (lower case) says is left, by limit: `requests`, `tokens` …; nothing where it says nothing like that. */
export type Remaining = (name: string, value: string) => readonly (readonly [limit: string, left: number])[];

export function createRemaining(): Remaining {
  const known = new Map<string, string | undefined>();

  function limitOf(name: string): string | undefined {
    const limit = known.get(name);
    if (limit !== undefined || known.has(name)) return limit;
    const match = remainingPattern.exec(name);
    const found = match === null ? undefined : (match[1] ?? match[2] ?? unnamed);
    if (known.size < maxKept) known.set(name, found);
    return found;
  }

  return (name, value) => {
    if (name === draftHeader) return readDraft(value);
    const limit = limitOf(name);
    const left = limit === undefined || value === '' ? NaN : Number(value);
    return limit === undefined || !Number.isFinite(left) ? nothing : [[limit, left]];
  };
}

function readDraft(value: string): readonly (readonly [string, number])[] {
  const items = [...value.matchAll(draftItem)].map(([, name = unnamed, left]) => [name, Number(left)] as const);
  const older = items.length > 0 ? undefined : olderDraft.exec(value)?.[1];
  return older === undefined ? items : [[unnamed, Number(older)]];
}
