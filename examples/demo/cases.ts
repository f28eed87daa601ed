import { mask } from '../../test/gateway/stand-in/recording.ts';

/** One request to try: as a curl line, and as the demo checks it itself. */
export interface DemoCase {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly expectedStatus: number;
  /** Must be in the answer's body. */
  readonly expectedText: string;
}

export interface CaseResult {
  readonly name: string;
  readonly curl: string;
  readonly expected: number;
  readonly got: number;
  readonly ok: boolean;
}

const chat = '/openai/v1/chat/completions';
const files = '/openai/v1/files';
const body = '{"model":"demo","messages":[{"role":"user","content":"hello"}]}';
const json = { 'Content-Type': 'application/json' };

export function demoCases(gateway: string, tokens: { readonly live: string; readonly revoked: string }): DemoCase[] {
  const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
  const post = { method: 'POST', url: gateway + chat, body } as const;
  return [
    {
      ...post,
      name: 'allowed',
      headers: { ...bearer(tokens.live), ...json },
      expectedStatus: 200,
      expectedText: 'reached me',
    },
    {
      ...post,
      name: 'unknown token',
      headers: { ...bearer('cf_nobody_issued_this'), ...json },
      expectedStatus: 401,
      expectedText: 'invalid_api_key',
    },
    {
      name: 'forbidden path',
      method: 'GET',
      url: gateway + files,
      headers: bearer(tokens.live),
      expectedStatus: 403,
      expectedText: 'policy_no_match',
    },
    {
      ...post,
      name: 'revoked token',
      headers: { ...bearer(tokens.revoked), ...json },
      expectedStatus: 401,
      expectedText: 'revoked',
    },
    {
      name: 'spoofed header',
      method: 'GET',
      url: gateway + files,
      headers: {
        ...bearer(tokens.live),
        'X-Forwarded-Method': 'POST',
        'X-Forwarded-Uri': chat,
        'X-CF-Upstream-Uri': '/v1/chat/completions',
      },
      expectedStatus: 403,
      expectedText: 'policy_no_match',
    },
    {
      name: 'who am I',
      method: 'GET',
      url: `${gateway}/credentialflow/token/self`,
      headers: bearer(tokens.live),
      expectedStatus: 200,
      expectedText: 'search-may-chat',
    },
  ];
}

/** A line to paste into a shell. */
export function curlLine({ method, url, headers, body: data }: DemoCase): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    'curl -i',
    ...(method === 'GET' || data !== undefined ? [] : [`-X ${method}`]),
    quoted(url),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(data === undefined ? [] : [`-d ${quoted(data)}`]),
  ].join(' ');
}

/** Sends the request and compares. The secret must not come back, whatever the answer is. */
export async function checkCase(demoCase: DemoCase, secret: string): Promise<CaseResult> {
  const { name, method, url, headers, body: data, expectedStatus, expectedText } = demoCase;
  const response = await fetch(url, { method, headers, ...(data === undefined ? {} : { body: data }) });
  const text = await response.text();
  const ok = response.status === expectedStatus && text.includes(expectedText) && !text.includes(secret);
  return { name, curl: maskTokens(curlLine(demoCase)), expected: expectedStatus, got: response.status, ok };
}

const maskTokens = (line: string): string => line.replaceAll(/cf_[\w-]{16,}/g, (token) => mask(token));
