import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LoggedRequest, LogSource, UpstreamOutcome } from '../../../sidecar/core/ports.ts';
import type { LlmUsage } from '../../../sidecar/core/prices.ts';
import { Secret } from '../../../sidecar/core/secret.ts';
import type { Snapshot } from '../../../sidecar/core/snapshot.ts';
import { createConsumersByRequest } from '../../../sidecar/gateway/logs/consumers-by-request.ts';
import { createIngestion, type Ingestion, type IngestionDeps } from '../../../sidecar/gateway/logs/ingestion.ts';
import { createLogReceiver } from '../../../sidecar/gateway/logs/receiver.ts';
import { createSeenRequests } from '../../../sidecar/gateway/logs/seen-requests.ts';
import { gatewayLogKey } from '../../../sidecar/keys/gateway-log-key.ts';
import { gateway, resource, sha256, snapshotOf, usual } from '../../support/deciding.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { recordingLog, type RecordingLog } from '../../support/recording-log.ts';
import { entry, loggedAt, type Entry } from './entries.ts';

interface Scene {
  readonly ingestion: Ingestion;
  readonly requests: LoggedRequest[];
  readonly outcomes: UpstreamOutcome[];
  readonly ended: (readonly [requestId: string, usage: LlmUsage | undefined])[];
  readonly counts: Record<string, number>;
  readonly lags: number[];
  readonly joins: boolean[];
  readonly log: RecordingLog;
  /** Version id by credential. */
  readonly versions: Readonly<Record<string, string>>;
  read(...bodies: readonly (string | Uint8Array | readonly Entry[])[]): Promise<void>;
}

const keyOf = (name: string): { sha256: string; created_at: string } => ({ sha256: sha256(name), created_at: '2026-01-01T00:00:00Z' }); // prettier-ignore
const anyone: LogSource = { gatewayId: undefined };

async function start(deps: Partial<IngestionDeps> = {}, maxQueuedBytes = 10_000_000): Promise<Scene> {
  const snapshot = await snapshotOf([
    ...usual(),
    resource('upstream', 'other', { routes: ['other'] }),
    resource('credential', 'other-main', { upstream: 'other' }),
    gateway('narrow', { keys: [keyOf('narrow')], upstreams: ['other'] }),
    resource('gateway', 'switched-off', { keys: [keyOf('switched-off')] }, true),
  ]);
  const clock = createFakeClock();
  const log = recordingLog();
  const counts: Record<string, number> = {};
  const lags: number[] = [];
  const joins: boolean[] = [];
  const requests: LoggedRequest[] = [];
  const outcomes: UpstreamOutcome[] = [];
  const ended: Scene['ended'] = [];
  const ingestion = createIngestion(
    { maxQueuedBytes },
    {
      snapshot: () => snapshot,
      seen: createSeenRequests({ maxIds: 10_000, windowMs: 60_000 }, clock),
      consumers: undefined,
      pace: () => ({ step: () => undefined }),
      onRequests: (all) => void requests.push(...all),
      onOutcomes: (all) => void outcomes.push(...all),
      onEnd: (id, usage) => void ended.push([id, usage]),
      observe: {
        entries: (outcome, count) => (counts[outcome] = (counts[outcome] ?? 0) + count),
        lag: (ms) => lags.push(ms),
        join: (isHit) => joins.push(isHit),
      },
      clock,
      log,
      ...deps,
    },
  );
  const versions = Object.fromEntries([...snapshot.credentialsByVersion].map(([version, { credential }]) => [credential.credentialId, version])); // prettier-ignore
  return {
    ingestion,
    requests,
    outcomes,
    ended,
    counts,
    lags,
    joins,
    log,
    versions,
    async read(...bodies) {
      for (const body of bodies) {
        const isBytes = typeof body === 'string' || body instanceof Uint8Array;
        assert.ok(ingestion.add(Buffer.from(isBytes ? (body as Uint8Array) : JSON.stringify(body)), anyone));
      }
      await ingestion.idle();
    },
  };
}

describe('the ingestion of the log', () => {
  it('tells whose request it was and how it fared', async () => {
    const { read, versions, outcomes, counts, lags } = await start();
    const versionId = versions['api-main'] ?? assert.fail();
    await read([entry({ credential: versionId })]);
    const [outcome] = outcomes as unknown as [Record<string, unknown>];
    const { requestBytes, responseBytes, ...rest } = outcome;
    assert.deepEqual([requestBytes, responseBytes], [300, 700]);
    assert.deepEqual(rest, {
      upstreamId: 'api',
      credentialId: 'api-main',
      versionId,
      atMs: loggedAt,
      status: 200,
      durationMs: 240,
      headerMs: 100,
      limits: { 'retry-after': '2', 'x-ratelimit-remaining-requests': '59' },
      abandoned: false,
      model: undefined,
      promptTokens: undefined,
      completionTokens: undefined,
      consumerId: undefined,
    });
    assert.deepEqual([counts, lags], [{ used: 1 }, [500]]);
  });

  it('hands over a batch at once, in each shape that the gateway posts', async () => {
    const batches: number[] = [];
    const { read, versions } = await start({ onOutcomes: (all) => batches.push(all.length) });
    const some = (): Entry[] => Array.from({ length: 20 }, () => entry({ credential: versions['api-main'] }));
    await read(some(), JSON.stringify(some()[0]), some().map((one) => JSON.stringify(one)).join('\n')); // prettier-ignore
    assert.deepEqual(batches, [20, 1, 20]);
  });

  it('says why an entry was not used, and uses the others', async () => {
    const { read, versions, outcomes, counts } = await start();
    const credential = versions['api-main'];
    await read([
      // What a client wrote into a header of a request that was refused.
      entry({ credential, upstream: {}, status: 401 }),
      entry({ credential: undefined }),
      entry({ credential: 'cv_of-another-store' }),
      entry({ credential, route_id: 'other' }),
      entry({ credential }),
    ]);
    assert.deepEqual(counts, { not_sent: 1, no_credential: 1, unknown_credential: 1, foreign_credential: 1, used: 1 });
    assert.equal(outcomes.length, 1);
  });

  it('lets a gateway with a log key of its own speak for its own upstreams only', async () => {
    const { ingestion, versions, outcomes, counts } = await start();
    const post = async (gatewayId: string, credential: string, route: string): Promise<void> => {
      const body = Buffer.from(JSON.stringify([entry({ credential: versions[credential], route_id: route })]));
      assert.ok(ingestion.add(body, { gatewayId }));
      await ingestion.idle();
    };
    await post('default', 'api-main', 'api');
    await post('narrow', 'other-main', 'other');
    assert.deepEqual(counts, { used: 2 });
    await post('narrow', 'api-main', 'api');
    await post('switched-off', 'api-main', 'api');
    await post('unheard-of', 'api-main', 'api');
    assert.deepEqual(counts, { used: 2, foreign_credential: 3 });
    assert.equal(outcomes.length, 2);
  });

  it('believes a route that no upstream names', async () => {
    const { read, versions, counts } = await start();
    await read([entry({ credential: versions['api-main'], route_id: 'made-by-an-ingress-controller' })]);
    assert.deepEqual(counts, { used: 1 });
  });

  it('says whose limits another sidecar may have counted a request by', async () => {
    const told: (string | undefined)[] = [];
    const { read, ingestion, versions } = await start({
      onEnd: (_id, _usage, allowedFor) => told.push(allowedFor()?.id),
    });
    const credential = versions['other-main'];
    const denied = { upstream: {}, status: 429 };
    const tells = async (...changes: readonly Entry[]): Promise<typeof told> => {
      told.length = 0;
      await read(changes.map((change) => entry({ route_id: 'any', ...change })));
      return told;
    };
    assert.deepEqual(await tells({ credential }), ['other']);
    assert.deepEqual(await tells({ credential, ...denied }), ['other'], 'another plugin refused it');
    assert.deepEqual(await tells({ credential: '', route_id: 'other' }), ['other'], 'by its route');
    assert.deepEqual(await tells({ credential: '', route_id: 'other', ...denied }), [undefined], 'we refused it');
    assert.deepEqual(await tells({ credential: 'cv_forged' }, { credential: '' }), [undefined, undefined]);
    assert.deepEqual(
      await tells({ credential: versions['api-main'], route_id: 'other' }),
      [undefined],
      'of two upstreams',
    );
    told.length = 0;
    const bodies = ['api-main', 'other-main'].map((id) => entry({ route_id: 'any', credential: versions[id] }));
    ingestion.add(Buffer.from(JSON.stringify(bodies)), { gatewayId: 'narrow' });
    await ingestion.idle();
    assert.deepEqual(told, [undefined, 'other'], 'a gateway speaks of its upstreams only');
  });

  it('counts a request once, however often and in whatever order its batch comes', async () => {
    const { read, versions, outcomes, counts } = await start();
    const credential = versions['api-main'];
    const one = [entry({ credential }), entry({ credential })];
    const two = [entry({ credential }), ...one.toReversed()];
    await read(one, two, one, two.toReversed());
    assert.equal(outcomes.length, 3);
    assert.deepEqual(counts, { used: 3, duplicate: 7 });
  });

  it('blames nobody for a client that left', async () => {
    const { read, versions, requests, outcomes } = await start();
    const credential = versions['api-main'];
    const silent = { status: '-', header_time: '-', response_time: '0.2' };
    await read([
      entry({ credential, status: 499, upstream: silent }),
      entry({ credential, status: 504, upstream: { ...silent, status: '504' } }),
      // It left in the middle of an answer.
      entry({ credential, status: 499 }),
    ]);
    assert.deepEqual(requests.map(({ abandoned, status }) => [abandoned, status]), [[true, 0], [false, 0], [false, 200]]); // prettier-ignore
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      [0, 200],
    );
  });

  it('joins the consumer where it is wanted and known', async () => {
    const consumers = createConsumersByRequest({ max: 10 });
    const { read, versions, requests, joins } = await start({ consumers });
    const [known, unknown] = [entry({ credential: versions['api-main'] }), entry({ credential: versions['api-main'] })];
    consumers.remember(String(known['request_id']), 'team');
    await read([known, unknown]);
    assert.deepEqual(
      requests.map(({ consumerId }) => consumerId),
      ['team', undefined],
    );
    assert.deepEqual(joins, [true, false]);
    for (let i = 0; i < 20; i++) consumers.remember(`later-${String(i)}`, 'x');
    assert.equal(consumers.find(String(known['request_id'])), undefined, 'bounded');
  });

  it('tells the end of each request once, whatever became of it, with its tokens', async () => {
    const { read, versions, ended } = await start();
    const all = [
      entry({
        request_id: 'a',
        credential: versions['api-main'],
        llm: { model: 'm', prompt_tokens: '5', completion_tokens: '7' },
      }),
      entry({ request_id: 'b', upstream: {} }),
      entry({ request_id: 'c', credential: 'cv_unheard-of', llm: { completion_tokens: 1 } }),
      entry({ request_id: undefined }),
    ];
    await read(all, all);
    assert.deepEqual(ended, [
      ['a', { model: 'm', promptTokens: 5, completionTokens: 7 }],
      ['b', undefined],
      ['c', { model: undefined, promptTokens: 0, completionTokens: 1 }],
    ]);
  });

  it('logs nothing into the future', async () => {
    const { read, versions, outcomes, lags } = await start();
    await read([entry({ credential: versions['api-main'], ts: '99999999999.000' })]);
    assert.deepEqual([outcomes[0]?.atMs, lags], [Date.UTC(2026, 0, 1), [0]]);
  });

  it('gives way between entries, of short batches and of long ones', async () => {
    let turns = 0;
    const step = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const { read, versions, outcomes } = await start({ pace: () => ({ step }) });
    const counting = setInterval(() => turns++, 0);
    const some = (count: number): Entry[] =>
      Array.from({ length: count }, () => entry({ credential: versions['api-main'] }));
    await read(some(2_000));
    clearInterval(counting);
    assert.equal(outcomes.length, 2_000);
    assert.ok(turns > 0);
  });

  it('holds no more than it has room for', async () => {
    const { ingestion, versions, outcomes } = await start({}, 1_000);
    const one = (): Buffer => Buffer.from(JSON.stringify(entry({ credential: versions['api-main'] })));
    let taken = 0;
    while (ingestion.add(one(), anyone)) taken++;
    assert.ok(taken > 0 && ingestion.queuedBytes() <= 1_000);
    await ingestion.idle();
    assert.equal(ingestion.queuedBytes(), 0);
    assert.ok(ingestion.add(one(), anyone), 'there is room again');
    await ingestion.idle();
    assert.equal(outcomes.length, taken + 1);
  });

  it('goes on after a listener that fails', async () => {
    let calls = 0;
    const { read, versions, log } = await start({
      onOutcomes() {
        calls++;
        throw new Error('no');
      },
    });
    await read([entry({ credential: versions['api-main'] })], [entry({ credential: versions['api-main'] })]);
    assert.equal(calls, 2);
    assert.deepEqual(log.events(), ['log_batch_failed', 'log_batch_failed']);
  });

  it('drops what comes before the first snapshot', async () => {
    const { read, counts } = await start({ snapshot: (): Snapshot | undefined => undefined });
    await read([entry()]);
    assert.deepEqual(counts, { not_ready: 1 });
  });

  it('takes any bytes and loses nothing that could be used', async () => {
    const scene = await start();
    const credential = scene.versions['api-main'];
    const good = fc.constant('good');
    const bad = fc.oneof(fc.constantFrom('{"a":nope}', '17', '"x"', 'null', '{"request_id":', '{"a":1', 'x'), fc.string().filter((text) => !/["\n\r{}[\]]/.test(text))); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(good, bad), { maxLength: 30 }), fc.uint8Array(), async (parts, noise) => {
        const before = scene.outcomes.length;
        const lines = parts.map((part) => (part === 'good' ? JSON.stringify(entry({ credential })) : part));
        await scene.read(lines.join('\n'), noise);
        assert.equal(scene.outcomes.length - before, parts.filter((part) => part === 'good').length);
      }),
    );
    assert.deepEqual(scene.log.lines, []);
  });
});

describe('the door of the log', () => {
  const key = 'log-key-of-at-least-32-characters!';
  const keyOfGateway = (id: string): string => gatewayLogKey(new Secret(key), id);
  const deps = { sha256, keyOfGateway, observe: (): void => undefined };

  it('opens to the log key, with and without the word Bearer', async () => {
    const { ingestion } = await start();
    const receiver = createLogReceiver({ logKeyHash: sha256(key) }, { ...deps, ingestion });
    for (const value of [key, `Bearer ${key}`, `bearer  ${key}`]) assert.deepEqual(receiver.identify(value), anyone);
    for (const value of [undefined, '', 'Bearer ', `${key}x`, `Basic ${key}`]) {
      assert.equal(receiver.identify(value), undefined);
    }
  });

  it('knows a gateway by a log key of its own', async () => {
    const { ingestion } = await start();
    const receiver = createLogReceiver({ logKeyHash: sha256(key) }, { ...deps, ingestion });
    const own = keyOfGateway('edge.eu-1');
    assert.deepEqual(receiver.identify(`Bearer ${own}`), { gatewayId: 'edge.eu-1' });
    assert.doesNotMatch(own, /\$|:\/\//, 'APISIX would interpolate it');
    for (const forged of [own.replace('eu-1', 'eu-2'), own.slice(0, -1), `${own}0`, own.replace(/.$/, 'x')]) {
      assert.equal(receiver.identify(`Bearer ${forged}`), undefined, forged);
    }
    assert.equal(receiver.identify(gatewayLogKey(new Secret('another-log-key-of-32-characters!!'), 'edge')), undefined);
  });

  it('asks the gateway to come again when there is no room, and counts it', async () => {
    const { ingestion } = await start({}, 10);
    const observed: string[] = [];
    const receiver = createLogReceiver(
      { logKeyHash: sha256(key) },
      { ...deps, ingestion, observe: (outcome) => observed.push(outcome) },
    );
    assert.deepEqual(receiver.accept(Buffer.from('[]'), anyone), { status: 204 });
    assert.deepEqual(receiver.accept(Buffer.alloc(9, 32), anyone), { status: 503 });
    assert.deepEqual(receiver.accept(Buffer.alloc(8, 32), anyone), { status: 204 });
    assert.equal(receiver.admit(1), undefined);
    await ingestion.idle();
    const leave = receiver.admit(8);
    assert.equal(receiver.admit(3), undefined, 'a body is under way');
    leave?.();
    assert.ok(receiver.admit(3));
    assert.deepEqual(observed, ['taken', 'refused', 'taken', 'refused', 'refused']);
  });
});
