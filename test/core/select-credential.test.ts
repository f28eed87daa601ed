import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { CredentialHealth, HealthState } from '../../sidecar/core/health.ts';
import {
  deciding,
  factsOf,
  outcomeOf,
  question,
  resource,
  snapshotOf,
  usual,
  type Deciding,
} from '../support/deciding.ts';

/** Credential id → weight. */
async function pool(weights: Readonly<Record<string, number>>): Promise<Deciding> {
  const records = usual().filter(({ kind }) => kind !== 'credential' && kind !== 'policy' && kind !== 'consumer');
  for (const [id, weight] of Object.entries(weights)) {
    records.push(resource('credential', id, { weight, secret: { from: 'test', value: `secret-of-${id}` } }));
  }
  records.push(resource('policy', 'all', { consumers: ['*'] }));
  for (let i = 0; i < consumers; i++) records.push(resource('consumer', `c${String(i)}`));
  const made = deciding(await snapshotOf(records));
  for (let i = 0; i < consumers; i++) made.tokens.set(`cf_c${String(i)}`, factsOf(`c${String(i)}`));
  return made;
}
const consumers = 2_000;
let ctx: Deciding;
const versionOf = (id: string): string =>
  ctx
    .snapshot()
    ?.upstreams.get('api')
    ?.credentials.find(({ credentialId }) => credentialId === id)?.versionId ?? '';

function fare(id: string, state: HealthState, more: Partial<CredentialHealth> = {}): void {
  const health = { state, sinceMs: ctx.nowMs, untilMs: 0, needsTrial: false, firsthand: true, ...more };
  ctx.health.set(versionOf(id), health);
}

/** The credential for a consumer, or the code of the denial. */
function chosenBy(consumer: number): string {
  const decision = decide(question({ authorization: `Bearer cf_c${String(consumer)}` }), ctx);
  assert.ok(!(decision instanceof Promise));
  return decision.outcome === 'allow' ? (decision.deliberation.credential?.credentialId ?? '') : outcomeOf(decision);
}
const everybody = (): string[] => Array.from({ length: consumers }, (_, i) => chosenBy(i));
const shareOf = (id: string, chosen = everybody()): number => chosen.filter((each) => each === id).length / consumers;
const near = (share: number, wanted: number): void => {
  assert.ok(Math.abs(share - wanted) < 0.05, `${String(share)} is not about ${String(wanted)}`);
};

describe('a pool of credentials', () => {
  beforeEach(async () => {
    ctx = await pool({ a: 1, b: 1, c: 2 });
  });

  it('keeps a consumer with one credential, and spreads consumers by weight', () => {
    const chosen = everybody();
    assert.deepEqual(everybody(), chosen);
    near(shareOf('a', chosen), 0.25);
    near(shareOf('b', chosen), 0.25);
    near(shareOf('c', chosen), 0.5);
  });

  it('moves only the consumers of the credential that leaves', () => {
    const before = everybody();
    fare('a', 'dead', { untilMs: Infinity });
    const after = everybody();
    for (const [i, id] of before.entries()) if (id !== 'a') assert.equal(after[i], id);
    assert.equal(shareOf('a', after), 0);
    near(shareOf('c', after), 2 / 3);
  });

  it('offers neither suspect, dead nor throttled ones while another is fit', () => {
    fare('a', 'suspect');
    fare('b', 'throttled', { untilMs: ctx.nowMs + 1 });
    assert.equal(shareOf('c'), 1);
    ctx.nowMs += 1;
    near(shareOf('b'), 1 / 3);
  });

  it('offers degraded ones like those that work: what is wrong is not the key', () => {
    fare('a', 'degraded');
    near(shareOf('a'), 0.25);
  });

  it('offers the one that has cooled longest where all cool', () => {
    fare('a', 'throttled', { sinceMs: ctx.nowMs - 10, untilMs: ctx.nowMs + 50 });
    fare('b', 'throttled', { sinceMs: ctx.nowMs - 20, untilMs: ctx.nowMs + 90 });
    fare('c', 'suspect');
    assert.equal(shareOf('b'), 1);
  });

  it('gives nothing where this sidecar saw all of them refused', () => {
    for (const id of ['a', 'b', 'c']) fare(id, 'dead', { untilMs: ctx.nowMs + 1_000 });
    assert.equal(shareOf('credential_dead'), 1);
  });

  it('tries one again where all are dead and its time has come', () => {
    for (const id of ['a', 'b', 'c']) fare(id, 'dead', { untilMs: ctx.nowMs + 1_000 });
    fare('b', 'dead', { untilMs: ctx.nowMs });
    assert.equal(chosenBy(0), 'b');
    fare('a', 'ok');
    assert.equal(shareOf('a'), 1);
  });

  it('denies nothing because of what only the cache says', () => {
    fare('a', 'dead', { untilMs: Infinity });
    fare('b', 'dead', { untilMs: Infinity });
    fare('c', 'dead', { untilMs: Infinity, firsthand: false });
    assert.equal(shareOf('c'), 1);
  });

  it('sends the next request to the one that waits for its trial, whoever asks', () => {
    fare('b', 'throttled', { untilMs: ctx.nowMs, needsTrial: true });
    assert.equal(shareOf('b'), 1);
    fare('b', 'throttled', { untilMs: ctx.nowMs + 1, needsTrial: true });
    assert.equal(shareOf('b'), 0);
  });
});

describe('a credential of weight 0', () => {
  it('serves only where no other works', async () => {
    ctx = await pool({ a: 1, spare: 0 });
    assert.equal(shareOf('spare'), 0);
    fare('a', 'throttled', { untilMs: ctx.nowMs + 1 });
    assert.equal(shareOf('spare'), 1);
    fare('spare', 'throttled', { untilMs: ctx.nowMs, needsTrial: true });
    assert.equal(shareOf('spare'), 1);
    fare('a', 'ok');
    assert.equal(shareOf('a'), 1);
  });
});

describe('a pool of one', () => {
  it('is served while it is suspect or cools: nothing else could be', async () => {
    ctx = await pool({ a: 1 });
    fare('a', 'suspect');
    assert.equal(chosenBy(0), 'a');
    fare('a', 'throttled', { untilMs: Infinity });
    assert.equal(chosenBy(0), 'a');
  });
});
