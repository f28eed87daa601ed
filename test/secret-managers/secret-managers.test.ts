import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, SecretManager } from '../../sidecar/core/ports.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { checkSecretReference, createSecretManagers } from '../../sidecar/secret-managers/index.ts';
import { secretManagerContract } from '../contract/secret-manager-contract.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

const keyring = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(32).fill(3)) }]);
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function managerOf(kind: string, env: Record<string, string> = {}, clock: Clock = systemClock): SecretManager {
  const manager = createSecretManagers({
    env,
    clock,
    log,
    open: (sealed, binding) => keyring.open(sealed, binding),
  }).get(kind);
  assert.ok(manager);
  return manager;
}

const directory = mkdtempSync(join(tmpdir(), 'cf-secrets-'));
after(() => {
  rmSync(directory, { recursive: true });
});
let files = 0;
const newFile = (): string => join(directory, `secret-${String(++files)}`);

secretManagerContract(
  'env',
  (value) => Promise.resolve({ manager: managerOf('env', { KEY: value }), reference: { from: 'env', name: 'KEY' } }),
  () => Promise.resolve({ manager: managerOf('env'), reference: { from: 'env', name: 'KEY' } }),
);
secretManagerContract(
  'file',
  (value) => {
    const path = newFile();
    writeFileSync(path, value, { mode: 0o600 });
    return Promise.resolve({ manager: managerOf('file'), reference: { from: 'file', path } });
  },
  () => Promise.resolve({ manager: managerOf('file'), reference: { from: 'file', path: join(directory, 'none') } }),
);
secretManagerContract(
  'sealed',
  async (value) => ({
    manager: managerOf('sealed'),
    reference: { from: 'sealed', value: await keyring.seal(new Secret(value), 'credential/c') },
  }),
  async () => ({
    manager: managerOf('sealed'),
    reference: { from: 'sealed', value: await keyring.seal(new Secret('x'), 'credential/other') },
  }),
);

describe('the file manager', () => {
  it('takes one trailing line break off, not two', async () => {
    const path = newFile();
    writeFileSync(path, 'sk-abc\r\n');
    const reference = { from: 'file', path };
    assert.equal((await managerOf('file').resolve(reference, 'b')).reveal(), 'sk-abc');
    writeFileSync(path, 'sk-abc\n\n');
    await assert.rejects(managerOf('file').resolve(reference, 'b'), /line break/);
  });

  it('refuses a file that cannot be a secret', async () => {
    const path = newFile();
    writeFileSync(path, 'x'.repeat(65_537));
    await assert.rejects(managerOf('file').resolve({ from: 'file', path }, 'b'), /64 KiB/);
    await assert.rejects(managerOf('file').resolve({ from: 'file', path: directory }, 'b'), /not a regular file/);
  });

  it('sees a rewrite, and the symlink swap by which Kubernetes updates a mounted Secret', async () => {
    const mount = mkdtempSync(join(directory, 'mount-'));
    const release = (name: string, value: string): void => {
      mkdirSync(join(mount, name));
      writeFileSync(join(mount, name, 'key'), value);
      symlinkSync(name, join(mount, '..data_tmp'));
      renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
    };
    release('..v1', 'same-length-1');
    symlinkSync('..data/key', join(mount, 'key'));
    const looks: (() => void)[] = [];
    const clock = {
      ...systemClock,
      every(_ms: number, look: () => void) {
        looks.push(look);
        return () => undefined;
      },
    };
    let changes = 0;
    managerOf('file', {}, clock).watch?.({ from: 'file', path: join(mount, 'key') }, () => (changes += 1));
    const look = async (): Promise<number> => {
      looks[0]?.();
      await new Promise((resolve) => setTimeout(resolve, 30));
      return changes;
    };
    const before = await look();
    assert.equal(await look(), before);
    release('..v2', 'same-length-2');
    assert.equal(await look(), before + 1);
    assert.equal(await look(), before + 1);
  });
});

describe('the file manager, about what it is given', () => {
  it('refuses a pipe instead of waiting for a writer', async () => {
    const path = newFile();
    execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', path]);
    await assert.rejects(managerOf('file').resolve({ from: 'file', path }, 'b'), /not a regular file/);
  });

  it('warns once of a file that others may read, and says nothing of one that they may not', async () => {
    const seen = recordingLog();
    const manager = createSecretManagers({
      env: {},
      clock: systemClock,
      log: seen,
      open: () => Promise.reject(new Error()),
    }).get('file');
    assert.ok(manager);
    for (const [mode, warnings] of [
      [0o600, 0],
      [0o640, 0],
      [0o644, 1],
    ] as const) {
      const path = newFile();
      writeFileSync(path, 'needle');
      chmodSync(path, mode);
      seen.lines.length = 0;
      await manager.resolve({ from: 'file', path }, 'b');
      await manager.resolve({ from: 'file', path }, 'b');
      assert.deepEqual(
        seen.events(),
        Array.from({ length: warnings }, () => 'secret_file_mode_wide'),
      );
      assert.ok(!JSON.stringify(seen.lines).includes('needle'));
    }
  });

  it('looks each second, sees a file come and go, and calls nobody back after the end', async () => {
    const path = newFile();
    const clock = createFakeClock();
    let changes = 0;
    const stop = managerOf('file', {}, clock).watch?.({ from: 'file', path }, () => (changes += 1));
    const afterASecond = async (): Promise<number> => {
      await sleep(20);
      clock.advance(1_000);
      await sleep(20);
      return changes;
    };
    const before = await afterASecond();
    writeFileSync(path, 'one');
    clock.advance(900);
    await sleep(20);
    assert.equal(changes, before);
    assert.equal(await afterASecond(), before + 1);
    rmSync(path);
    assert.equal(await afterASecond(), before + 2);
    writeFileSync(path, 'two');
    // A look that is under way when it ends calls nobody back either.
    clock.advance(1_000);
    stop?.();
    assert.equal(await afterASecond(), before + 2);
  });
});

describe('the env manager', () => {
  it('takes no property that every object has for a variable', async () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const reference = { from: 'env', name };
      await assert.rejects(managerOf('env').resolve(reference, 'b'), { code: 'secret_invalid', message: /is not set/ });
    }
  });
});

describe('checkSecretReference', () => {
  it('names the managers that there are', () => {
    assert.match(checkSecretReference({ from: 'vault' })[0] ?? '', /env, file, sealed/);
    assert.deepEqual(checkSecretReference({ from: 'env', name: 'A' }), []);
    assert.ok(checkSecretReference({ from: 'env', name: 'not a name' }).length > 0);
    assert.ok(checkSecretReference({ from: 'sealed', value: 'plain' }).length > 0);
  });
});
