import type { Plugin } from './configuration.ts';
import { asMap, asText, asTexts } from './source.ts';

/** A forward-auth. */
export interface Auth {
  readonly plugin: Plugin;
  /** It asks CredentialFlow; otherwise another service, of which only the general dangers are known. */
  readonly ours: boolean;
  /** Undefined where the uri is none. */
  readonly url: URL | undefined;
  /** The upstream that the uri names: `/api/auth/<upstream>`. */
  readonly upstream: string | undefined;
  /** Lower case. */
  readonly requestHeaders: readonly string[];
  /** Lower case. */
  readonly upstreamHeaders: readonly string[];
  /** Lower case. */
  readonly clientHeaders: readonly string[];
  /** Lower-case name → value. */
  readonly extraHeaders: ReadonlyMap<string, string>;
  /** The header as it is written. */
  extraHeaderName(lowerCase: string): string | undefined;
}

export function asAuth(plugin: Plugin): Auth | undefined {
  if (plugin.name !== 'forward-auth') return undefined;
  const {
    uri,
    request_headers: request,
    upstream_headers: upstream,
    client_headers: client,
    extra_headers: extra,
  } = plugin.config;
  const text = asText(uri) ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const lower = (list: unknown) => asTexts(list).map((name) => name.toLowerCase());
  const extraNames = Object.keys(asMap(extra));
  const path = /\/api\/auth(?:\/([^/]+))?\/?$/.exec(url?.pathname ?? '');
  const markers = [...extraNames, ...asTexts(upstream)].some((name) =>
    /^(?:x-cf-|cfcredential$|cfconsumer$)/i.test(name),
  );
  return {
    plugin,
    ours: path !== null || markers,
    url,
    upstream: path?.[1],
    requestHeaders: lower(request),
    upstreamHeaders: lower(upstream),
    clientHeaders: lower(client),
    extraHeaders: new Map(extraNames.map((name) => [name.toLowerCase(), asText(asMap(extra)[name]) ?? ''])),
    extraHeaderName: (wanted) => extraNames.find((name) => name.toLowerCase() === wanted),
  };
}
