import { CredentialFlowError } from '../../../core/error.ts';

/** The one outgoing client, as far as reading needs it. Rejects where no answer comes. */
export interface HttpReader {
  get(
    url: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly text: string }>;
}

export interface LiveAnswer {
  readonly value: unknown;
  /** `APISIX/3.18.0`, where the gateway says it. */
  readonly server: string | undefined;
}

/** JSON of a gateway; undefined where it has no such thing (404, 400). Throws what else is wrong, without the key. */
export async function getJson(
  http: HttpReader,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<LiveAnswer | undefined> {
  const answer = await http.get(url, headers);
  if (answer.status === 404 || answer.status === 400) return undefined;
  if (answer.status === 401 || answer.status === 403) {
    throw new CredentialFlowError(
      'internal',
      `${url} refuses (${answer.status}): the key, or the address it is asked from`,
    );
  }
  if (answer.status !== 200) throw new CredentialFlowError('internal', `${url} answered ${answer.status}`);
  try {
    return { value: JSON.parse(answer.text) as unknown, server: answer.headers['server'] };
  } catch {
    throw new CredentialFlowError('internal', `${url} did not answer with JSON`);
  }
}
