/** Promise 5: restart and upgrade cost no failed request. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { freePort } from '../support/free-port.ts';
import { allowedMore, gatewayKey, load, masterKey, resources, type Tally } from './restart-load.ts';

/** Hands connections in a closed listener's queue over to the others of the port. Only a namespace of its own is changed. */
const migratingNamespace = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && echo 1 >/proc/sys/net/ipv4/tcp_migrate_req && exec "$@"', 'sh']; // prettier-ignore

describe('a restart under load', () => {
  it('fails no request but those of the moment when nothing listens', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cf-restart-'));
    const port = await freePort();
    const dataDir = join(folder, 'data');
    const env = {
      CREDENTIALFLOW_DATA_LISTEN: `127.0.0.1:${String(port)}`,
      CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
      CREDENTIALFLOW_MASTER_KEY: masterKey,
      RESTART_SECRET: 's3cret',
    };
    const begin = (): Promise<RunningSidecar> => startSidecar({ resources, dataDir, env });
    let sidecar = await begin();
    const { tally, stop } = load(port, { keeping: 20, opening: 4 });
    try {
      await allowedMore(tally, 300);
      for (let round = 0; round < 2; round++) {
        await sidecar.stop();
        assert.equal(sidecar.process.exitCode, 0);
        sidecar = await begin();
        await allowedMore(tally, 300);
      }
    } finally {
      await stop();
      await sidecar.stop();
      rmSync(folder, { recursive: true });
    }
    // `tally.reset`: new connections that waited for a listener which closed; nothing listened for them either.
    assert.deepEqual(tally.failed, []);
    assert.ok(tally.refused > 0, 'there was a moment when nothing listened');
  });

  for (const store of ['a store of their own', 'postgres'] as const) {
    it(`fails no request at all where processes share the port: ${store}`, { timeout: 90_000 }, (t) => {
      replaceUnderLoad(t, store === 'postgres' ? ['postgres'] : []);
    });
  }
});

function replaceUnderLoad(t: TestContext, args: readonly string[]): void {
  const command = [process.execPath, fileURLToPath(new URL('shared-port.process.ts', import.meta.url)), ...args];
  const canIsolate = spawnSync(migratingNamespace[0] ?? '', [...migratingNamespace.slice(1), 'true']).status === 0;
  const [program = '', ...rest] = canIsolate ? [...migratingNamespace, ...command] : command;
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const tally = JSON.parse(stdout) as Tally & { readonly migrates: boolean };
  assert.deepEqual({ failed: tally.failed, refused: tally.refused }, { failed: [], refused: 0 });
  if (!tally.migrates) t.diagnostic("tcp_migrate_req is 0 here: connections in the kernel's queue may be reset");
  assert.ok(tally.reset <= (tally.migrates ? 0 : 2), `${String(tally.reset)} new connections were reset`);
}
