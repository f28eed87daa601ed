import type { OpenAI } from 'openai';

/** Sends one request as an application would: OpenAI's SDK with another base URL and key, else the same by fetch. */
export async function sendOneRequest(
  baseURL: string,
  apiKey: string,
): Promise<{ readonly by: string; readonly content: string }> {
  const request = { model: 'demo', messages: [{ role: 'user' as const, content: 'hello' }] };
  const Client = await loadSdk();
  if (Client !== undefined) {
    const { choices } = await new Client({ apiKey, baseURL, maxRetries: 0 }).chat.completions.create(request);
    return { by: 'the OpenAI SDK', content: choices[0]?.message.content ?? '' };
  }
  const response = await fetch(`${baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const answer = (await response.json()) as { choices?: { message: { content: string } }[] };
  return { by: 'fetch', content: answer.choices?.[0]?.message.content ?? `status ${response.status}` };
}

/** A development dependency: absent after `npm ci --omit=dev`. */
async function loadSdk(): Promise<typeof OpenAI | undefined> {
  try {
    return (await import('openai')).OpenAI;
  } catch {
    return undefined;
  }
}
