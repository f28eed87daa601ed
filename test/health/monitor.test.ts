import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { gemini } from '../../sidecar/presets/gemini.ts';
import { openai } from '../../sidecar/presets/openai.ts';
import { testPreset } from '../support/deciding.ts';
import { createHealthWorld, twoCredentials, type HealthWorld } from './world.ts';

let world: HealthWorld;
const { deadKey: openaiRules } = openai;
const { deadKey: geminiRules } = gemini;
const invalidKey = { status: 400, text: '{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}' };

describe('a refused key', () => {
  beforeEach(async () => {
    world = await createHealthWorld();
  });

  it('is suspect at once, and dead when the probe says so too', async () => {
    world.answer = { status: 401 };
    world.hear('a', 200);
    world.hear('a', 401);
    assert.equal(world.stateOf('a'), 'suspect');
    await world.pass(1);
    assert.equal(world.stateOf('a'), 'dead');
    assert.equal(world.stateOf('b'), 'unknown');
    assert.deepEqual(world.probes[0], {
      url: 'https://api.example.test/v1/models',
      headers: { accept: 'application/json', authorization: 'Bearer secret-a' },
    });
  });

  it('comes back by itself, by probes that grow rarer', async () => {
    world.answer = { status: 401 };
    world.hear('a', 401);
    await world.pass(60_000);
    const inTheFirstMinute = world.probes.length;
    assert.ok(inTheFirstMinute >= 3 && inTheFirstMinute <= 6, String(inTheFirstMinute));
    await world.pass(3_600_000);
    assert.ok(world.probes.length < 25, String(world.probes.length));
    world.answer = { status: 200 };
    await world.pass(301_000);
    assert.equal(world.stateOf('a'), 'ok');
  });

  it('is not condemned by what was sent before it came back', async () => {
    world.answer = { status: 401 };
    world.hear('a', 401);
    await world.pass(100);
    world.answer = {};
    await world.pass(6_000);
    assert.equal(world.stateOf('a'), 'ok');
    world.hear('a', 401, { agoMs: 5_500 });
    world.hear('a', 401, { durationMs: 8_000 });
    assert.equal(world.stateOf('a'), 'ok');
  });

  it('is not acquitted by a stream that began before it died', async () => {
    world.answer = { status: 401 };
    world.hear('a', 401);
    await world.pass(1_000);
    world.hear('a', 200, { durationMs: 30_000 });
    assert.equal(world.stateOf('a'), 'dead');
  });

  it('is alive when requests are, whatever the probe says, which is not asked again for a while', async () => {
    world.answer = { status: 401 };
    world.hear('a', 401);
    await world.pass(1_000);
    world.hear('a', 200);
    assert.equal(world.stateOf('a'), 'ok');
    const before = world.probes.length;
    await world.pass(1_000);
    world.hear('a', 401);
    await world.pass(1_000);
    assert.equal(world.probes.length, before);
    assert.equal(world.stateOf('a'), 'throttled');
  });

  it('begins anew with another secret', async () => {
    world.answer = { status: 401 };
    world.hear('a', 401);
    await world.pass(1_000);
    assert.equal(world.stateOf('a'), 'dead');
    const changed = await twoCredentials('secret', { ...testPreset, deadKey: [{ status: 401 }] });
    const first = world.snapshot;
    world.snapshot = changed;
    await world.pass(200);
    assert.equal(world.stateOf('a'), 'dead', 'the same secret');
    // The reference stays the same where a file's content changes: so does the version.
    const other = await twoCredentials('other', testPreset);
    const versions = [...(other.upstreams.get('api')?.credentials ?? [])].map((version, i) => ({
      ...version,
      versionId: first.upstreams.get('api')?.credentials[i]?.versionId ?? '',
    }));
    const api = changed.upstreams.get('api') ?? assert.fail();
    world.snapshot = { ...changed, upstreams: new Map([['api', { ...api, credentials: versions }]]) };
    await world.pass(200);
    assert.equal(world.stateOf('a'), 'unknown');
  });

  it('is not judged by a probe of the secret before', async () => {
    const { answered } = world.holdAnswers();
    world.hear('a', 401);
    await world.pass(200);
    const api = world.snapshot.upstreams.get('api') ?? assert.fail();
    const [a, b] = api.credentials;
    assert.ok(a && b);
    const credentials = [{ ...a, headers: b.headers }, b];
    world.snapshot = { ...world.snapshot, upstreams: new Map([['api', { ...api, credentials }]]) };
    await world.pass(200);
    answered({ status: 401 });
    await world.pass(1_000);
    assert.equal(world.stateOf('a'), 'unknown');
  });

  it('is forgotten with its credential', async () => {
    world.answer = { status: 401 };
    world.hear('a', 401);
    await world.pass(1_000);
    world.snapshot = { ...world.snapshot, upstreams: new Map() };
    await world.pass(200);
    assert.equal(world.monitor.find(world.versionOf('a')), undefined);
    world.hear('a', 401);
    assert.equal(world.monitor.list().length, 0);
  });
});

describe("a client's own mistake that looks like a dead key", () => {
  beforeEach(async () => {
    world = await createHealthWorld({ deadKey: geminiRules });
  });

  it('takes the key out until the probe has answered, and once only', async () => {
    world.hear('a', 400);
    assert.equal(world.stateOf('a'), 'suspect');
    await world.pass(1);
    assert.equal(world.stateOf('a'), 'ok');
    for (let i = 0; i < 100; i++) {
      world.hear('a', 400);
      assert.equal(world.stateOf('a'), 'ok');
      await world.pass(300);
    }
    assert.ok(world.probes.length >= 4 && world.probes.length <= 10, String(world.probes.length));
  });

  it('does not hide the death of the key for long', async () => {
    for (let i = 0; i < 100; i++) {
      world.hear('a', 400);
      await world.pass(300);
    }
    world.answer = invalidKey;
    for (let i = 0; i < 50 && world.stateOf('a') !== 'dead'; i++) {
      world.hear('a', 400);
      await world.pass(200);
    }
    assert.equal(world.stateOf('a'), 'dead');
    assert.equal(world.transitions.at(-1)?.reason, 'api_key_invalid');
  });

  it('does not make a provider be asked without pause that answers no probe', async () => {
    world.hear('a', 400);
    await world.pass(200);
    world.answer = { status: 503 };
    for (let i = 0; i < 50; i++) {
      world.hear('a', 400);
      await world.pass(200);
    }
    assert.ok(world.probes.length < 8, String(world.probes.length));
  });

  it('counts for nothing where nobody can look at the answer’s body', async () => {
    world = await createHealthWorld({ deadKey: geminiRules }, { probes: false });
    world.hear('a', 400);
    assert.equal(world.stateOf('a'), 'unknown');
    world = await createHealthWorld({ deadKey: geminiRules });
    world.answer = undefined;
    world.hear('a', 400);
    await world.pass(10_000);
    assert.equal(world.stateOf('a'), 'ok');
    await world.pass(61_000);
    world.hear('a', 400);
    assert.equal(world.stateOf('a'), 'ok');
  });
});

describe('a refused key that cannot be probed', () => {
  it('cools down for a time that grows, and one request finds out whether it works again', async () => {
    world = await createHealthWorld({ probe: { method: 'GET', path: '/', needsKey: false } });
    world.hear('a', 401);
    const health = () => world.monitor.find(world.versionOf('a')) ?? assert.fail();
    assert.equal(health().state, 'throttled');
    assert.equal(health().untilMs, world.clock.now() + 10_000);
    await world.pass(10_000);
    world.monitor.onGiven(world.versionOf('a'));
    const until = world.clock.now() + 20_000;
    assert.equal(health().untilMs, until, 'one trial is enough');
    await world.pass(1_000);
    world.hear('a', 401);
    assert.equal(health().untilMs, until);
    await world.pass(19_000);
    world.monitor.onGiven(world.versionOf('a'));
    await world.pass(1_000);
    world.hear('a', 200, { durationMs: 500 });
    assert.equal(health().state, 'ok');
    assert.equal(world.probes.length, 0);
  });
});

describe('a limit', () => {
  beforeEach(async () => {
    world = await createHealthWorld({ deadKey: openaiRules });
  });

  it('lasts as long as the upstream said, and is over by itself', async () => {
    world.hear('a', 429, { limits: { 'retry-after': '7' } });
    assert.equal(world.stateOf('a'), 'throttled');
    assert.equal(world.stateOf('b'), 'unknown');
    assert.equal(world.transitions[0]?.untilMs, world.clock.now() + 7_000);
    await world.pass(6_800);
    assert.equal(world.stateOf('a'), 'throttled');
    await world.pass(400);
    assert.equal(world.stateOf('a'), 'ok');
    assert.equal(world.probes.length, 0);
  });

  it('of one key never cools another, whatever it says and however often', async () => {
    world.hear('b', 200);
    for (const limits of [
      {},
      { 'retry-after': '30' },
      { 'retry-after-ms': '30000' },
      { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' },
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' },
      { 'anthropic-ratelimit-requests-remaining': '0', 'anthropic-ratelimit-requests-reset': '2036-01-01T00:00:00Z' },
    ]) {
      for (let i = 0; i < 20; i++) world.hear('a', 429, { limits });
      await world.pass(400);
      assert.notEqual(world.stateOf('a'), 'ok');
      assert.equal(world.stateOf('b'), 'ok');
    }
    assert.deepEqual(
      world.transitions.filter(({ credential }) => credential === 'b').map(({ to }) => to),
      ['ok'],
    );
  });

  it('of an account without credit is a dead key, where the probe can see it', async () => {
    world.answer = { status: 429, text: '{"error":{"code":"insufficient_quota"}}' };
    world.hear('a', 429);
    await world.pass(1);
    assert.equal(world.stateOf('a'), 'dead');
  });

  it('without a hint cools for a growing time when the probe shows nothing, one trial at its end', async () => {
    world.hear('a', 429);
    await world.pass(1);
    const until = (): number => world.monitor.find(world.versionOf('a'))?.untilMs ?? 0;
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      assert.equal(world.stateOf('a'), 'throttled');
      waits.push(Math.round((until() - world.clock.now()) / 1_000));
      await world.pass(until() - world.clock.now());
      world.monitor.onGiven(world.versionOf('a'));
      world.hear('a', 429);
    }
    assert.deepEqual(waits, [10, 20, 40, 80]);
    assert.equal(world.probes.length, 1);
    await world.pass(until() - world.clock.now());
    world.monitor.onGiven(world.versionOf('a'));
    world.hear('a', 200);
    assert.equal(world.stateOf('a'), 'ok');
  });

  it('whose probe shows nothing is no false alarm', async () => {
    world.hear('a', 429);
    await world.pass(10_000);
    world.monitor.onGiven(world.versionOf('a'));
    world.hear('a', 200);
    assert.equal(world.stateOf('a'), 'ok');
    await world.pass(200);
    world.hear('a', 401);
    assert.equal(world.stateOf('a'), 'suspect');
  });

  it('offers the trial again, later, when nothing is heard of it', async () => {
    world.hear('a', 429);
    await world.pass(10_000);
    world.monitor.onGiven(world.versionOf('a'));
    const { untilMs = 0, needsTrial } = world.monitor.find(world.versionOf('a')) ?? {};
    assert.ok(needsTrial === true);
    assert.equal(untilMs, world.clock.now() + 20_000);
  });
});

describe('failures of the upstream', () => {
  it('make a credential degraded, never less: they are not the key’s', async () => {
    world = await createHealthWorld();
    for (let i = 0; i < 4; i++) world.hear('a', 503);
    assert.equal(world.stateOf('a'), 'unknown');
    for (let i = 0; i < 20; i++) world.hear('a', i % 2 === 0 ? 0 : 500);
    assert.equal(world.stateOf('a'), 'degraded');
    for (let i = 0; i < 20; i++) world.hear('a', 200);
    assert.equal(world.stateOf('a'), 'ok');
    assert.equal(world.probes.length, 0);
  });
});

describe('entries of the log', () => {
  it('from long ago, or of a credential that is not there, say nothing', async () => {
    world = await createHealthWorld();
    world.hear('a', 401, { agoMs: 61_000 });
    world.hear('nobody', 401);
    assert.equal(world.stateOf('a'), 'unknown');
    assert.deepEqual(world.transitions, []);
  });
});
