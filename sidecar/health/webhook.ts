import { createHmac } from 'node:crypto';
import type { Cancel, Clock, Log } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import type { HealthTransition } from './monitor.ts';

export interface WebhookOptions {
  readonly url: string;
  /** Signs each message. */
  readonly secret: Secret;
}

export interface WebhookDeps {
  /** Rejects where no answer came in time. */
  readonly request: (request: {
    readonly method: 'POST';
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }) => Promise<{ readonly status: number }>;
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: (outcome: 'delivered' | 'failed' | 'dropped') => void;
}

export interface Webhook {
  /** Returns at once. */
  send(transition: HealthTransition): void;
  stop(): void;
}

/** Messages that wait; more are dropped and counted. */
const maxWaiting = 100;
const retryAfterMs: readonly number[] = [1_000, 5_000, 25_000];

/**
 * Tells another system of each change, in order, at least once or not at all: one that does not take a message in four
 * attempts within half a minute does not get it.
 */
export function createWebhook(options: WebhookOptions, deps: WebhookDeps): Webhook {
  const { clock, log, observe } = deps;
  const waiting: string[] = [];
  let isSending = false;
  let stopped = false;
  let cancelRetry: Cancel = () => undefined;

  async function attempt(body: string): Promise<boolean> {
    const headers = { 'content-type': 'application/json', 'x-cf-signature': sign(body) };
    try {
      const { status } = await deps.request({ method: 'POST', url: options.url, headers, body });
      return status >= 200 && status < 300;
    } catch {
      return false;
    }
  }

  /** With the time in it, so that an old message cannot be sent once more later. */
  function sign(body: string): string {
    const at = String(Math.floor(clock.now() / 1_000));
    return `t=${at},v1=${createHmac('sha256', options.secret.reveal()).update(`${at}.${body}`).digest('hex')}`;
  }

  async function deliver(body: string, attempts: number): Promise<void> {
    const isTaken = await attempt(body);
    if (stopped) return;
    const waitMs = retryAfterMs[attempts];
    if (!isTaken && waitMs !== undefined) {
      cancelRetry = clock.after(waitMs, () => void deliver(body, attempts + 1));
      return;
    }
    if (!isTaken) log.error('health_webhook_failed', { attempts: attempts + 1 });
    observe(isTaken ? 'delivered' : 'failed');
    next();
  }

  function next(): void {
    const body = waiting.shift();
    isSending = body !== undefined;
    if (body !== undefined) void deliver(body, 0);
  }

  return {
    send(transition) {
      if (waiting.length >= maxWaiting) {
        observe('dropped');
        return;
      }
      waiting.push(JSON.stringify(describeTransition(transition)));
      if (!isSending) next();
    },
    stop() {
      stopped = true;
      cancelRetry();
    },
  };
}

/** As audit, log and webhook say it. */
export function describeTransition(transition: HealthTransition): Readonly<Record<string, unknown>> {
  const { upstream, credential, version, from, to, reason, atMs, untilMs, firsthand } = transition;
  return {
    time: new Date(atMs).toISOString(),
    event: 'credential_health_changed',
    upstream,
    credential,
    credential_version: version,
    from,
    to,
    reason,
    ...(untilMs > 0 && { until: new Date(untilMs).toISOString() }),
    seen_by: firsthand ? 'self' : 'fleet',
  };
}
