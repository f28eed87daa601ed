import { CredentialFlowError } from '../core/error.ts';
import { Secret } from '../core/secret.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly db: number;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
}

/** `redis[s]://[user[:password]@]host[:port][/db]`. Throws `config_invalid`, without repeating what it read. */
export function parseRedisUrl(url: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const db = /^\/?(\d{0,3})$/.exec(parsed?.pathname ?? '?')?.[1];
  // The client would take options from a query: they are ours to set.
  const isPlain = parsed?.search === '' && parsed.hash === '' && parsed.hostname !== '';
  if (parsed === undefined || db === undefined || !isPlain || !/^rediss?:$/.test(parsed.protocol)) {
    throw new CredentialFlowError('config_invalid', 'The cache url reads redis[s]://[user:password@]host[:port][/db].');
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    tls: parsed.protocol === 'rediss:',
    db: Number(db),
    username: decode(parsed.username),
    password: parsed.password === '' ? undefined : new Secret(decode(parsed.password) ?? ''),
  };
}

function decode(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CredentialFlowError('config_invalid', 'The user or password of the cache url is not percent-encoded.');
  }
}
