import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { createFrameSealer } from '../../sidecar/keys/sealed-frames.ts';
import type { KnownToken } from '../../sidecar/last-good/content.ts';
import { createLastGoodFiles, type LastGoodFiles } from '../../sidecar/last-good/files.ts';
import { readLastGood, type LastGood } from '../../sidecar/last-good/read.ts';
import { createLastGoodWriter, type KnownState } from '../../sidecar/last-good/writer.ts';
import { resource } from '../support/deciding.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

const locator = 'postgres://db.example.com/credentialflow';
const token: KnownToken = [
  'f'.repeat(64),
  { tokenId: 'tok_a', consumerId: 'team', notBeforeMs: 0, expiresAtMs: 9e15, revokedAtMs: 0 },
];
const everyMs = 5_000;

function filesIn(directory: string, keyByte = 1): LastGoodFiles {
  const key = new Secret(new Uint8Array(32).fill(keyByte));
  return createLastGoodFiles(directory, createFrameSealer(createKeyring([{ version: 'k1', key }])));
}

async function writing(t: TestContext) {
  const parent = await mkdtemp(join(tmpdir(), 'cf-last-good-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, 'last-good');
  const clock = createFakeClock();
  const log = recordingLog();
  const real = filesIn(directory);
  let onDisk = 0;
  async function counted<T>(work: Promise<T>): Promise<T> {
    onDisk += 1;
    try {
      return await work;
    } finally {
      onDisk -= 1;
    }
  }
  const files: LastGoodFiles = {
    ...real,
    write: (...args) => counted(real.write(...args)),
    keepOnly: (...args) => counted(real.keepOnly(...args)),
  };
  /** When the writer has nothing more to do: it leaves out a tick that comes while it writes. */
  async function idle(): Promise<void> {
    await new Promise(setImmediate);
    while (onDisk > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise(setImmediate);
  }
  const state = {
    revision: 1,
    epoch: 1,
    known: true,
    ageMs: 0,
    keyVersion: 'k1',
    resources: [resource('consumer', 'team')],
    tokens: [token],
  };
  const known = (): KnownState => ({
    identity: { storeId: 'store', epoch: state.epoch, revision: state.revision },
    confirmedAtMs: clock.now() - state.ageMs,
    resources: () => state.resources,
  });
  const writer = createLastGoodWriter(
    { locator, everyMs, maxTokens: 100 },
    {
      files,
      state: () => (state.known ? known() : undefined),
      keyVersion: () => state.keyVersion,
      tokens: (limit) => state.tokens.slice(0, limit),
      pace: () => () => undefined,
      clock,
      log,
    },
  );
  const read = async (by = files): Promise<LastGood | { readonly problem: string }> =>
    readLastGood({ locator }, { files: by, clock });
  return { directory, clock, log, state, writer, read, idle };
}

function found(read: LastGood | { readonly problem: string }): LastGood {
  assert.ok(!('problem' in read), 'problem' in read ? read.problem : '');
  return read;
}

describe('the last-good files', () => {
  it('hold what was known, for their owner only, and show nothing of it', async (t) => {
    const { directory, writer, read, state, clock } = await writing(t);
    state.resources = Array.from({ length: 3_000 }, (_, i) =>
      resource('consumer', `team-${String(i)}`, { groups: ['g'] }),
    );
    state.ageMs = 700;
    await writer.stop();
    const { head, resources, tokens } = found(await read());
    assert.deepEqual(head, { storeId: 'store', epoch: 1, revision: 1, locator, confirmedAtMs: clock.now() - 700, resourcesId: head.resourcesId }); // prettier-ignore
    assert.deepEqual(tokens, [token]);
    const essence = ({ kind, id, disabled, spec }: ResourceRecord) => ({ kind, id, disabled, spec });
    assert.deepEqual(resources.map(essence), state.resources.map(essence));
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    for (const name of await readdir(directory)) {
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
      const bytes = await readFile(join(directory, name));
      for (const word of ['team', 'store', 'tok_a', 'example.com', token[0]]) assert.ok(!bytes.includes(word), word);
    }
  });

  it('are confirmed by reads, not by time, and written anew when resources change', async (t) => {
    const { directory, writer, read, state, clock, idle } = await writing(t);
    writer.start();
    await idle();
    const first = found(await read());
    // Nothing could be read since.
    state.ageMs = everyMs;
    clock.advance(everyMs);
    await idle();
    assert.equal(found(await read()).head.confirmedAtMs, first.head.confirmedAtMs);
    // It could again: the small file is written, the large one is not.
    state.ageMs = 0;
    clock.advance(everyMs);
    await idle();
    const second = found(await read());
    assert.equal(second.head.resourcesId, first.head.resourcesId);
    assert.equal(second.head.confirmedAtMs, clock.now());
    assert.equal(writer.written()?.confirmedAtMs, clock.now());
    state.revision = 2;
    state.resources = [resource('consumer', 'other')];
    clock.advance(everyMs);
    await idle();
    const third = found(await read());
    assert.deepEqual([third.head.revision, third.resources.map(({ id }) => id)], [2, ['other']]);
    assert.equal((await readdir(directory)).length, 2);
    state.keyVersion = 'k2';
    clock.advance(everyMs);
    await idle();
    assert.notEqual(found(await read()).head.resourcesId, third.head.resourcesId);
    // Not the store's own state: nothing is written, not even at the end.
    state.known = false;
    state.revision = 3;
    clock.advance(everyMs);
    await writer.stop();
    assert.equal(found(await read()).head.revision, 2);
  });

  it('are gone when their state is given up', async (t) => {
    const { directory, writer, read, state, idle } = await writing(t);
    writer.start();
    await idle();
    state.known = false;
    writer.discard();
    await idle();
    assert.deepEqual(await readdir(directory), []);
    assert.deepEqual(await read(), { problem: 'none was written yet' });
  });

  it('are not used where they are of another store, another key, or the future', async (t) => {
    const { directory, writer, read, clock } = await writing(t);
    await writer.stop();
    const other = await readLastGood({ locator: 'postgres://other/x' }, { files: filesIn(directory), clock });
    assert.deepEqual(other, { problem: 'it is the state of another store' });
    const wrongKey = await read(filesIn(directory, 2));
    assert.ok('problem' in wrongKey && /another master key/.test(wrongKey.problem));
    const earlier = createFakeClock(clock.now() - 1);
    const future = await readLastGood({ locator }, { files: filesIn(directory), clock: earlier });
    assert.ok('problem' in future && /clock/.test(future.problem));
  });

  it('are not used where they were cut, changed, mixed or lost', async (t) => {
    const { directory, writer, read, state, clock, idle } = await writing(t);
    writer.start();
    await idle();
    const name = (await readdir(directory)).find((file) => file !== 'head') ?? assert.fail();
    const keep = `${directory}-older`;
    await copyFile(join(directory, name), keep);
    state.revision = 2;
    clock.advance(everyMs);
    await idle();
    assert.equal(writer.written()?.revision, 2);
    await writer.stop();
    const [head = '', resources = ''] = (await readdir(directory)).sort();
    const damages: readonly (readonly [string, (bytes: Buffer) => Promise<Buffer> | Buffer])[] = [
      [head, (bytes) => bytes.subarray(0, bytes.length - 1)],
      [head, () => Buffer.alloc(0)],
      [resources, (bytes) => bytes.subarray(0, bytes.length - 1)],
      [
        resources,
        (bytes) => Buffer.concat([bytes.subarray(0, 60), Buffer.of((bytes[60] ?? 0) ^ 1), bytes.subarray(61)]),
      ],
      // Genuine, but older than the head says.
      [resources, () => readFile(keep)],
      [head, () => readFile(join(directory, resources))],
    ];
    for (const [file, damage] of damages) {
      const whole = await readFile(join(directory, file));
      await writeFile(join(directory, file), await damage(whole));
      assert.ok('problem' in (await read()), `${file}, ${damage.toString()}`);
      await writeFile(join(directory, file), whole);
      found(await read());
    }
    await rm(join(directory, resources));
    assert.deepEqual(await read(), { problem: 'the file of its resources is missing' });
  });

  it('say once that they cannot be written, and again when they can', async (t) => {
    const { directory, writer, log, clock, idle } = await writing(t);
    await writeFile(directory, 'a file where the directory should be');
    writer.start();
    await idle();
    assert.ok(writer.problem() !== undefined);
    clock.advance(everyMs);
    await idle();
    assert.deepEqual(log.events(), ['last_good_unwritten']);
    await rm(directory);
    clock.advance(everyMs);
    await idle();
    assert.equal(writer.problem(), undefined);
    await writer.stop();
    assert.deepEqual(log.events(), ['last_good_unwritten', 'last_good_written_again']);
  });
});
