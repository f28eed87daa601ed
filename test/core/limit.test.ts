import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { LimitSpec, ResourceRecord } from '../../sidecar/core/resources.ts';
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

const limit = (id: string, spec: Partial<LimitSpec>): ResourceRecord => resource('limit', id, spec);

async function world(...more: readonly ResourceRecord[]): Promise<Deciding> {
  const ctx = deciding(
    await snapshotOf([
      ...usual(),
      resource('consumer', 'other', { groups: ['search', 'ads'] }),
      resource('upstream', 'second', { routes: ['second'], prefix: '/second' }),
      resource('credential', 'second-main', { upstream: 'second' }),
      resource('policy', 'all', { groups: ['search'], upstreams: ['*'] }),
      ...more,
    ]),
  );
  ctx.tokens.set('cf_other', factsOf('other'));
  return ctx;
}

/** Outcomes of so many questions in a row. */
async function ask(ctx: Deciding, times: number, token = 'cf_team', upstream?: string): Promise<readonly string[]> {
  const outcomes: string[] = [];
  for (let i = 0; i < times; i++) {
    const path = upstream === undefined ? {} : { 'x-cf-route': upstream, 'x-cf-raw-uri': `/${upstream}/v1/chat` };
    outcomes.push(outcomeOf(await decide(question({ authorization: `Bearer ${token}`, ...path }), ctx)));
  }
  return outcomes;
}

describe('limits', () => {
  it('allow as many as they say within the window, and again when it has slid on', async () => {
    const ctx = await world(limit('few', { most: 2, window_ms: 60_000 }));
    assert.deepEqual(await ask(ctx, 3), ['allow', 'allow', 'limit_exceeded']);
    ctx.monotonicMs = 59_999;
    assert.deepEqual(await ask(ctx, 1), ['limit_exceeded']);
    ctx.monotonicMs = 62_000;
    assert.deepEqual(await ask(ctx, 1), ['allow']);
  });

  it('stay synchronous, and say which limit refuses and until when', async () => {
    const ctx = await world(limit('few', { most: 0, window_ms: 60_000 }));
    const decision = decide(question(), ctx);
    assert.ok(!(decision instanceof Promise) && decision.outcome === 'deny');
    assert.equal(decision.deliberation.refusal?.limit.id, 'few');
  });

  it('count each consumer for itself by default, and all together where they are told to', async () => {
    const each = await world(limit('each', { most: 1 }));
    assert.deepEqual(
      [...(await ask(each, 2)), ...(await ask(each, 1, 'cf_other'))],
      ['allow', 'limit_exceeded', 'allow'],
    );
    const together = await world(limit('together', { most: 1, per: ['upstream'] }));
    assert.deepEqual(
      [...(await ask(together, 1)), ...(await ask(together, 1, 'cf_other'))],
      ['allow', 'limit_exceeded'],
    );
    assert.deepEqual(await ask(together, 1, 'cf_team', 'second'), ['allow']);
  });

  it('count a group once for all of its members, and only groups that they name', async () => {
    const ctx = await world(limit('search', { consumers: [], groups: ['search'], most: 2, per: ['group'] }));
    assert.deepEqual(await ask(ctx, 1), ['allow']);
    assert.deepEqual(await ask(ctx, 2, 'cf_other'), ['allow', 'limit_exceeded']);
  });

  it('are meant for whom and what they name', async () => {
    const ctx = await world(limit('ads', { consumers: [], groups: ['ads'], upstreams: ['second'], most: 0 }));
    assert.deepEqual(await ask(ctx, 1), ['allow']);
    assert.deepEqual(await ask(ctx, 1, 'cf_other'), ['allow']);
    assert.deepEqual(await ask(ctx, 1, 'cf_other', 'second'), ['limit_exceeded']);
    assert.deepEqual(await ask(ctx, 1, 'cf_team', 'second'), ['allow']);
  });

  it('want all labels, not one of them', async () => {
    const ctx = await world(limit('gold', { consumers: [], labels: { tier: 'gold', region: 'us' }, most: 0 }));
    assert.deepEqual(await ask(ctx, 1), ['allow']);
    const eu = await world(limit('gold', { consumers: [], labels: { tier: 'gold', region: 'eu' }, most: 0 }));
    assert.deepEqual(await ask(eu, 1), ['limit_exceeded']);
  });

  it('use up nothing where another limit refuses', async () => {
    const ctx = await world(
      limit('a', { most: 2 }),
      limit('b', { most: 1, per: ['upstream'] }),
      limit('c', { most: 2, per: ['consumer', 'token'] }),
    );
    assert.deepEqual(await ask(ctx, 3), ['allow', 'limit_exceeded', 'limit_exceeded']);
    assert.deepEqual(await ask(ctx, 2, 'cf_team', 'second'), ['allow', 'limit_exceeded']);
    assert.equal(ctx.recorded.at(-1)?.deliberation.refusal?.limit.id, 'a');
  });

  it('use up nothing where there is no credential, or the upstream refuses all of them', async () => {
    const limits = [limit('few', { most: 1 }), limit('at-once', { measure: 'concurrent', most: 1, window_ms: 0 })];
    const whole = [...usual(), ...limits];
    const ctx = deciding(await snapshotOf(whole.filter(({ kind }) => kind !== 'credential')));
    assert.deepEqual(await ask(ctx, 3), ['credential_missing', 'credential_missing', 'credential_missing']);
    ctx.use(await snapshotOf(whole));
    const [versionId = ''] = ctx.snapshot()?.credentialsByVersion.keys() ?? [];
    const dead = { state: 'dead', sinceMs: 0, untilMs: Infinity, needsTrial: false, firsthand: true } as const;
    ctx.health.set(versionId, dead);
    assert.deepEqual(await ask(ctx, 3), ['credential_dead', 'credential_dead', 'credential_dead']);
    ctx.health.delete(versionId);
    assert.deepEqual(await ask(ctx, 2), ['allow', 'limit_exceeded']);
    assert.equal(ctx.recorded.at(-1)?.deliberation.credential, undefined, 'nobody got one');
  });

  it('that only warn deny nothing', async () => {
    const ctx = await world(limit('soft', { most: 1, mode: 'warn' }));
    assert.deepEqual(await ask(ctx, 3), ['allow', 'allow', 'allow']);
  });

  it('that are disabled or corrupt: the one limits nothing, the other leaves no room', async () => {
    const off = await world(resource('limit', 'off', { most: 0 }, true));
    assert.deepEqual(await ask(off, 1), ['allow']);
    const corrupt = await world(limit('bad', { most: 'many' as never, consumers: ['team'] }));
    assert.deepEqual([...(await ask(corrupt, 1)), ...(await ask(corrupt, 1, 'cf_other'))], ['limit_exceeded', 'allow']);
    assert.deepEqual(
      corrupt.snapshot()?.problems.map(({ kind, id }) => `${kind}/${id}`),
      ['limit/bad'],
    );
  });

  it('are not asked about what no policy allows', async () => {
    const ctx = await world(limit('few', { most: 1 }));
    const outcome = outcomeOf(
      await decide(
        question({ 'x-cf-raw-uri': '/api/v1/forbidden', 'x-forwarded-method': 'PUT' }),
        deciding(await snapshotOf([...usual(), limit('few', { most: 1 })])),
      ),
    );
    assert.equal(outcome, 'policy_no_match');
    assert.deepEqual(await ask(ctx, 1), ['allow']);
  });
});
