import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import type { HealthTransition } from '../../sidecar/health/monitor.ts';
import { createWebhook } from '../../sidecar/health/webhook.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

const transition: HealthTransition = {
  upstream: 'openai',
  credential: 'main',
  version: 'cv_1',
  from: 'suspect',
  to: 'dead',
  reason: 'status_401',
  atMs: Date.UTC(2026, 0, 1),
  untilMs: 0,
  firsthand: true,
};

function start(answer: () => Promise<{ readonly status: number }>) {
  const clock = createFakeClock();
  const sent: { readonly headers: Readonly<Record<string, string>>; readonly body: string }[] = [];
  const outcomes: string[] = [];
  const log = recordingLog();
  const webhook = createWebhook(
    { url: 'https://hooks.example/cf', secret: new Secret('webhook-secret') },
    {
      clock,
      log,
      observe: (outcome) => outcomes.push(outcome),
      request(request) {
        sent.push(request);
        return answer();
      },
    },
  );
  const settle = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  };
  return { webhook, sent, outcomes, log, clock, settle };
}

describe('the webhook', () => {
  it('is told each change, signed with the time in it', async () => {
    const { webhook, sent, outcomes, clock, settle } = start(() => Promise.resolve({ status: 204 }));
    webhook.send(transition);
    webhook.send({ ...transition, to: 'ok' });
    await settle(0);
    assert.equal(sent.length, 2);
    const [{ headers, body } = assert.fail()] = sent;
    const [, at = '', signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['x-cf-signature'] ?? '') ?? [];
    assert.equal(Number(at), Math.floor(clock.now() / 1_000));
    assert.equal(signature, createHmac('sha256', 'webhook-secret').update(`${at}.${body}`).digest('hex'));
    assert.deepEqual(JSON.parse(body), {
      time: '2026-01-01T00:00:00.000Z',
      event: 'credential_health_changed',
      upstream: 'openai',
      credential: 'main',
      credential_version: 'cv_1',
      from: 'suspect',
      to: 'dead',
      reason: 'status_401',
      seen_by: 'self',
    });
    assert.deepEqual(outcomes, ['delivered', 'delivered']);
  });

  it('is believed by the receiver of the guide, and nobody else is', async () => {
    const guide = readFileSync(new URL('../../docs/health.md', import.meta.url), 'utf8');
    const code = /```js\n([^]*?)```/.exec(guide)?.[1] ?? assert.fail('the guide has no code');
    const receiver = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      readonly isGenuine: (body: string, signature: string, secret: string, nowSeconds: number) => boolean;
    };
    const { webhook, sent, clock, settle } = start(() => Promise.resolve({ status: 204 }));
    webhook.send(transition);
    await settle(0);
    const [{ headers, body } = assert.fail()] = sent;
    const signature = headers['x-cf-signature'] ?? '';
    const now = Math.floor(clock.now() / 1_000);
    const believes = (text = body, signed = signature, secret = 'webhook-secret', at = now): boolean =>
      receiver.isGenuine(text, signed, secret, at);
    assert.equal(believes(), true);
    assert.equal(believes(body.replace('dead', 'ok')), false);
    assert.equal(believes(body, signature.replace(/t=\d+/, `t=${now + 1}`)), false);
    assert.equal(believes(body, 't=1,v1=00'), false);
    assert.equal(believes(body, ''), false);
    assert.equal(believes(body, signature, 'another-secret'), false);
    assert.equal(believes(body, signature, 'webhook-secret', now + 301), false);
    assert.deepEqual(
      Object.keys(JSON.parse(/```json\n([^]*?)```/.exec(guide)?.[1] ?? '') as object),
      Object.keys(JSON.parse(body) as object),
    );
  });

  it('is asked again a few times, then given up, in order', async () => {
    let works = false;
    const { webhook, sent, outcomes, log, settle } = start(() =>
      works ? Promise.resolve({ status: 200 }) : Promise.reject(new Error('refused')),
    );
    webhook.send(transition);
    webhook.send(transition);
    await settle(0);
    for (const ms of [1_000, 5_000, 25_000]) await settle(ms);
    assert.deepEqual(outcomes, ['failed']);
    assert.deepEqual(log.events(), ['health_webhook_failed']);
    works = true;
    await settle(1_000);
    assert.equal(sent.length, 6);
    assert.deepEqual(outcomes, ['failed', 'delivered']);
  });

  it('holds a bounded number of messages and counts the rest', async () => {
    const { webhook, outcomes } = start(() => new Promise(() => undefined));
    for (let i = 0; i < 150; i++) webhook.send(transition);
    assert.equal(outcomes.filter((outcome) => outcome === 'dropped').length, 49);
  });
});
