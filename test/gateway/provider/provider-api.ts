import type { ReceivedRequest } from '../scripted-server.ts';

export type ProviderReply =
  | { readonly status?: number; readonly json: unknown }
  /** Events of a stream, without the empty line between them. */
  | { readonly events: readonly string[] };

/** One API as far as its SDK looks at it. */
export interface ProviderApi {
  /** Lower case. */
  readonly secretHeader: string;
  readonly secretPrefix: string;
  /** The API's own answer to a wrong key. */
  readonly unauthorized: { readonly status: number; readonly body: unknown };
  reply(request: ReceivedRequest, words: readonly string[]): ProviderReply;
}

export const data = (json: unknown): string => `data: ${JSON.stringify(json)}`;

export function wantsStream(request: ReceivedRequest): boolean {
  if (request.body === '') return false;
  return (JSON.parse(request.body) as { readonly stream?: boolean }).stream === true;
}
