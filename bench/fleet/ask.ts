/** Asks sidecars as a gateway does, on connections that are kept, and says what came back and how long it took. */
import { Agent, request } from 'node:http';
import type { Endpoint } from '../sidecar.ts';
import { question } from '../world.ts';
import { allowedPath } from './scene.ts';

export interface Answer {
  /** 0: none came (connection refused or broken, or nothing within `giveUpMs`). */
  readonly status: number;
  readonly ms: number;
  /** What the gateway's log names the credential by; empty: none was given. */
  readonly credential: string;
}

export interface Asked {
  readonly path?: string | undefined;
  /** The gateway's own. */
  readonly requestId?: string;
}

export interface Asker {
  ask(server: Endpoint, token: string, asked?: Asked): Promise<Answer>;
  close(): void;
}

/** Over it nobody waits: every bound of the product is below. */
const giveUpMs = 5_000;

export function createAsker(): Asker {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  return {
    ask({ host, port }, token, { path = allowedPath, requestId } = {}) {
      const headers = {
        ...question(token),
        'X-Forwarded-Uri': `/openai${path}`,
        'X-CF-Raw-Uri': `/openai${path}`,
        'X-CF-Upstream-Uri': path,
        ...(requestId === undefined ? {} : { 'X-CF-Request-Id': requestId }),
      };
      const startedAt = performance.now();
      return new Promise((resolve) => {
        const done = (status: number, credential: unknown = ''): void =>
          resolve({ status, ms: performance.now() - startedAt, credential: String(credential) });
        const asking = request({ host, port, path: '/api/auth', headers, agent, timeout: giveUpMs }, (response) => {
          response.resume();
          response.on('end', () => done(response.statusCode ?? 0, response.headers['cfcredential']));
          response.on('error', () => done(0));
        });
        asking.on('timeout', () => asking.destroy());
        asking.on('error', () => done(0));
        asking.end();
      });
    },
    close: () => agent.destroy(),
  };
}

/** Calls `step` at a fixed rate whatever its answers do, until stopped; then resolves when all of them are in. */
export function openLoop(perSecond: number, step: (n: number) => Promise<void>): { stop(): Promise<void> } {
  const startedAt = performance.now();
  const pending = new Set<Promise<void>>();
  let due = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    for (; startedAt + (due * 1_000) / perSecond <= now; due++) {
      const asked = step(due).finally(() => pending.delete(asked));
      pending.add(asked);
    }
  }, 5);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}
