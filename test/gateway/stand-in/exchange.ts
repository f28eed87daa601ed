import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from './configuration.ts';
import type { HeaderList } from './header-list.ts';
import type { ParsedTarget } from './nginx-uri.ts';

/** One client request on its way through the gateway. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly target: ParsedTarget;
  /** Without port; of an absolute-form target its authority, else the Host header. */
  readonly host: string;
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly startedAtMs: number;
  /** The client's headers; forward-auth changes them. */
  readonly headers: HeaderList;
  /** `$upstream_uri`: empty without proxy-rewrite. */
  upstreamUri: string;
  /** Path and query for the upstream where a function changed them; `$upstream_uri` does not show it. */
  sentUri: string | undefined;
  upstream: UpstreamResult | undefined;
  /** Read as a whole where the question wants a field of it, or ai-proxy sends it; undefined: it streams. */
  body: Buffer | undefined;
  /** Undefined: ai-proxy did not send it. */
  llm: LanguageModelResult | undefined;
}

/** Milliseconds. */
export interface LanguageModelResult {
  readonly model: string;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly firstTokenMs?: number;
  readonly responseTimeMs?: number;
}

export interface UpstreamResult {
  readonly address: string;
  readonly status: number;
  readonly headerTimeMs: number;
  responseTimeMs: number;
  readonly headers: HeaderList;
}
