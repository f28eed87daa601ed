/**
 * Replaces sidecars that share a port, twice, under load, and prints what the load saw. A process of its own, so that
 * the test can run it in a network namespace. Argument `postgres`: they share a store, too, as a fleet does.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../support/postgres.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { freePort } from '../support/free-port.ts';
import { allowedMore, gatewayKey, load, masterKey, resources, untilAllowed } from './restart-load.ts';

const folder = mkdtempSync(join(tmpdir(), 'cf-shared-port-'));
const file = join(folder, 'resources.yaml');
writeFileSync(file, resources);
const port = await freePort();
const postgres = process.argv[2] === 'postgres' ? await startPostgres() : undefined;
const store = (await postgres?.database()) ?? 'sqlite::memory:';
const accessKeys = { CREDENTIALFLOW_ADMIN_KEY: 'a'.repeat(40), CREDENTIALFLOW_LOG_KEY: 'l'.repeat(40) };
const begin = (name: string): Promise<RunningSidecar> =>
  startSidecar({
    dataDir: join(folder, name),
    env: {
      CREDENTIALFLOW_STORE: store,
      ...(postgres === undefined ? { CREDENTIALFLOW_RESOURCES: file } : accessKeys),
      CREDENTIALFLOW_REUSE_PORT: 'true',
      CREDENTIALFLOW_DATA_LISTEN: `127.0.0.1:${String(port)}`,
      CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
      CREDENTIALFLOW_MASTER_KEY: masterKey,
      RESTART_SECRET: 's3cret',
    },
  });

let sidecar = await begin('first');
if (postgres !== undefined) {
  const { code, stderr } = await sidecar.cli(['apply', '-f', file]);
  if (code !== 0) throw new Error(`credentialflow apply exited with ${String(code)}: ${stderr}`);
}
await untilAllowed(port);
const { tally, stop } = load(port, { keeping: 20, opening: 4 });
try {
  await allowedMore(tally, 300);
  for (const name of ['second', 'third']) {
    const next = await begin(name);
    await sidecar.stop();
    sidecar = next;
    await allowedMore(tally, 300);
  }
} finally {
  await stop();
  await sidecar.stop();
  await postgres?.stop();
  rmSync(folder, { recursive: true });
}
const migrates = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() === '1';
console.log(JSON.stringify({ ...tally, migrates }));
