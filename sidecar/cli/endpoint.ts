import type { Config } from '../config/config.ts';
import { usageFailure } from './failure.ts';

/** Where to send requests: a base URL, and the unix socket to send them through. */
export interface Endpoint {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly socketPath?: string;
}

/** `http://…`, `https://…`, `unix:/path`, or `host:port` as a listener says it. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:')) return { baseUrl: 'http://localhost', socketPath: text.slice('unix:'.length) };
  const url = reachable(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw usageFailure(`${JSON.stringify(text)} is no http(s) URL`, 'such as http://127.0.0.1:9281');
  }
  const { origin, pathname } = new URL(url);
  return { baseUrl: origin + pathname.replace(/\/+$/, '') };
}

/** Of a listener of the configuration. */
export function endpointOf(listen: Config['listen'], door: 'data' | 'admin'): Endpoint {
  const address = listen[door];
  if (address.kind === 'unix') return parseEndpoint(`unix:${address.path}`);
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return parseEndpoint(`${listen.tls[door] === undefined ? 'http' : 'https'}://${host}:${address.port}`);
}

/** A listener on every address is asked on the loopback. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
