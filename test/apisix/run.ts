/**
 * `npm run test:apisix`: the gateway suites against a real Apache APISIX that runs on this machine, and says what it left
 * out. Either of:
 *
 *   APISIX_ADMIN_URL=http://127.0.0.1:9180 APISIX_ADMIN_KEY=… [APISIX_URL=http://127.0.0.1:9080] npm run test:apisix
 *   APISIX_HOME=/usr/local/apisix [APISIX_URL=http://127.0.0.1:9080] npm run test:apisix   (standalone, running)
 *
 * Without a gateway it says so and exits with 0: `npm test` runs the same suites against the stand-in.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { findRealGateway } from '../support/real-gateway.ts';

const leftOut = [
  'test/e2e/paths.test.ts: three gateways at once with the same routes',
  'test/e2e/shipped-gateway.test.ts: older versions, and gateways whose sidecar is away',
  'test/gateway/stand-in*.test.ts: are about the stand-in',
];

const gateway = findRealGateway(process.env);
if (gateway === undefined) {
  console.log('No real gateway: set APISIX_ADMIN_URL and APISIX_ADMIN_KEY, or APISIX_HOME. Nothing was run.');
  console.log('Left out: everything. `npm test` runs the gateway suites against the stand-in.');
} else {
  const how = gateway.kind === 'admin' ? `its Admin API at ${gateway.adminUrl}` : gateway.file;
  console.log(`The gateway at ${gateway.url}, through ${how}.`);
  if (gateway.kind === 'file') leftOut.push('test/apisix/sync.real.ts: needs an Admin API (APISIX_ADMIN_URL)');
  const files = [
    ...globSync('test/e2e/{sdk-*,rendered-gateway,ai-proxy}.test.ts').sort(),
    ...(gateway.kind === 'admin' ? ['test/apisix/sync.real.ts'] : []),
  ];
  // One after the other: they share the gateway and its routes.
  const flags = ['--test', '--test-concurrency=1', '--test-timeout=300000', '--test-reporter=spec'];
  const runner = spawn(process.execPath, [...flags, ...files], {
    stdio: 'inherit',
    env: { ...process.env, TEST_REAL_GATEWAY: '1' },
  });
  const [code] = (await once(runner, 'exit')) as [number | null];
  for (const line of leftOut) console.log(`left out  ${line}`);
  process.exitCode = code ?? 1;
}
