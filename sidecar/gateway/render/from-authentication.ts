import { parse } from 'yaml';

/** What `{"authentication": {"type": "Bearer", "credentialURL": "http://…"}}` means to us. */
export interface Authentication {
  /** Origin of the sidecar. */
  readonly sidecarUrl: string;
  /** The upstream that the URL's path names; undefined: all of them. */
  readonly upstream: string | undefined;
  readonly warnings: readonly string[];
}

/** Reads that configuration (JSON or YAML), or says what is wrong with it. No message repeats a value of the file. */
export function readAuthentication(text: string): Authentication | { readonly refusal: string } {
  const document = parseSafely(text);
  const authentication = fieldOf(document, 'authentication');
  if (authentication === undefined) return { refusal: 'there is no "authentication" in it' };
  const type = fieldOf(authentication, 'type');
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    return { refusal: '"authentication.type" must be "Bearer": the token of the client is read from Authorization' };
  }
  const address = fieldOf(authentication, 'credentialURL');
  const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return { refusal: '"authentication.credentialURL" must be the absolute http or https URL of the sidecar' };
  }
  if (url.username !== '' || url.password !== '') {
    return { refusal: '"authentication.credentialURL" must hold no user and no password: the gateway has a key' };
  }
  const [known, upstream] = /^\/(?:api\/auth(?:\/([a-z0-9][a-z0-9._-]{0,62}))?\/?)?$/.exec(url.pathname) ?? [];
  return {
    sidecarUrl: url.origin,
    upstream,
    warnings:
      known === undefined || url.search !== ''
        ? ['the path of "authentication.credentialURL" is not the sidecar\'s: it is asked at /api/auth']
        : [],
  };
}

function parseSafely(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value as unknown;
}
