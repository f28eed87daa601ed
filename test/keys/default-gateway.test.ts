import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Store } from '../../sidecar/core/ports.ts';
import type { GatewaySpec } from '../../sidecar/core/resources.ts';
import { defaultGatewayId, ensureDefaultGateway } from '../../sidecar/keys/default-gateway.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

const overlapMs = 3_600_000;
const hashOf = (digit: string): string => digit.repeat(64);

async function begin(t: TestContext) {
  const clock = createFakeClock();
  const log = recordingLog();
  const store: Store = await openStore('sqlite::memory:', {}, { clock, log });
  t.after(() => store.close());
  const ensure = (digit: string) => ensureDefaultGateway({ keyHash: hashOf(digit), overlapMs }, { store, clock, log });
  const spec = async (): Promise<GatewaySpec> => {
    const record = await store.getResource('gateway', defaultGatewayId);
    assert.ok(record?.kind === 'gateway');
    return record.spec;
  };
  const revision = async (): Promise<number> => (await store.identity()).revision;
  return { clock, log, store, ensure, spec, revision };
}

describe('the default gateway', () => {
  it('is made of the configured key, once', async (t) => {
    const { ensure, spec, revision } = await begin(t);
    await ensure('a');
    assert.deepEqual(
      (await spec()).keys.map(({ sha256 }) => sha256),
      [hashOf('a')],
    );
    const before = await revision();
    await ensure('a');
    assert.equal(await revision(), before);
  });

  it('takes a new key at once, and the one before it until the overlap is over', async (t) => {
    const { clock, ensure, spec } = await begin(t);
    await ensure('a');
    await ensure('b');
    const [current, previous] = (await spec()).keys;
    assert.equal(current?.sha256, hashOf('b'));
    assert.equal(current.expires_at, undefined);
    assert.equal(previous?.sha256, hashOf('a'));
    assert.equal(Date.parse(previous.expires_at ?? ''), clock.now() + overlapMs);
    // Within the overlap a restart with the old variable is no reason to refuse.
    await ensure('a');
    clock.advance(overlapMs);
    await assert.rejects(ensure('a'), { code: 'config_invalid' });
  });

  it('brings no retired key back', async (t) => {
    const { ensure, spec } = await begin(t);
    for (const digit of ['a', 'b', 'c']) await ensure(digit);
    assert.deepEqual((await spec()).retired_keys, [hashOf('a')]);
    await assert.rejects(ensure('a'), /rotated out/);
    assert.equal((await spec()).keys[0]?.sha256, hashOf('c'));
  });

  it('leaves the keys of a gateway that a file declares alone, and says so', async (t) => {
    const { log, store, ensure, spec } = await begin(t);
    const declared: GatewaySpec = {
      keys: [{ sha256: hashOf('f'), created_at: '2026-01-01T00:00:00Z' }],
      retired_keys: [],
      upstreams: ['*'],
      addresses: [],
    };
    const put = { op: 'put', kind: 'gateway', id: defaultGatewayId, owner: 'file:r.yaml', spec: declared } as const;
    await store.write([put], { name: 'file:r.yaml', action: 'apply' });
    await ensure('a');
    assert.deepEqual(await spec(), declared);
    assert.ok(log.events().includes('gateway_key_not_declared'));
  });
});
