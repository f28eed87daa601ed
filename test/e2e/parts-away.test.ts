/** The rows of docs/operations.md, "What happens when a part dies", against a sidecar whose parts are taken away. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { faults, type FaultScene } from '../../bench/fleet/faults.ts';
import { gatewayKey, question, secret, secretVariable } from '../../bench/world.ts';
import { isEvent, partRows, quoted } from '../check/operations-table.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';

const resources = `
upstreams: [{ id: openai, preset: openai, max_stale: 10s }]
credentials: [{ id: openai-main, upstream: openai, secret: { from: env, name: ${secretVariable} } }]
consumers: [{ id: team-1, owner: team@example.com, groups: [teams] }]
policies: [{ id: teams-may, effect: allow, groups: [teams], upstreams: [openai], paths: ['/**'] }]
`;
const freshTokens = 5;

describe('what happens when a part dies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cf-parts-'));
  let redis: TestRedis;
  let postgres: TestPostgres;
  let sidecar: RunningSidecar;
  /** Issues the tokens that are new to the one that is asked. */
  let other: RunningSidecar;
  let scene: FaultScene;
  let known: string;

  before(async () => {
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    const env = {
      CREDENTIALFLOW_STORE: await postgres.database(),
      CREDENTIALFLOW_CACHE: redis.url,
      CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
      CREDENTIALFLOW_ADMIN_KEY: 'a'.repeat(40),
      CREDENTIALFLOW_LOG_KEY: 'l'.repeat(40),
      CREDENTIALFLOW_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      // So that the reason for late changes is given long before max_stale is over.
      CREDENTIALFLOW_CHANGES_POLL: '100ms',
      [secretVariable]: secret,
    };
    sidecar = await startSidecar({ env });
    other = await startSidecar({ env });
    await other.json(['apply', '-f', '-'], resources);
    known = (await other.issueToken('team-1')).token;
    await until(async () => (await ask(known)).status === 200, 'the sidecar has followed');
    scene = {
      home: { folder },
      postgres,
      get redis() {
        return redis;
      },
      async restartRedis() {
        await redis.stop();
        redis = await startRedis({ port: redis.port });
      },
    };
  });
  after(async () => {
    await Promise.all([sidecar.stop(), other.stop()]);
    await Promise.all([redis.stop(), postgres.stop()]);
    rmSync(folder, { recursive: true });
  });

  async function ask(token: string): Promise<{ readonly status: number; readonly code: string }> {
    const response = await fetch(`${sidecar.urls.data}/api/auth`, { headers: question(token) });
    const body = await response.text();
    if (response.ok) return { status: response.status, code: '' };
    const { error } = JSON.parse(body) as { readonly error: { readonly code: string } };
    return { status: response.status, code: error.code };
  }

  async function reasons(): Promise<readonly string[]> {
    const response = await fetch(`${sidecar.urls.data}/readyz`);
    assert.equal(response.status, 200);
    return ((await response.json()) as { readonly reasons: readonly string[] }).reasons;
  }

  for (const name of ['redis stopped', 'redis paused', 'postgres stopped', 'postgres paused']) {
    const fault = faults.find((each) => each.name === name) ?? assert.fail(name);
    const row = partRows().find((each) => each.fault === name) ?? assert.fail(name);

    it(`${name}: as the operator's guide says`, { timeout: 150_000 }, async (t) => {
      if (!redis.own || !postgres.own) {
        t.skip('a server of the tests is shared');
        return;
      }
      const fresh: string[] = [];
      for (let i = 0; i < freshTokens; i += 1) fresh.push((await other.issueToken('team-1')).token);
      const before = sidecar.logs.length;
      const logged = (event: string): boolean =>
        sidecar.logs.slice(before).some((line) => line.includes(`"event":"${event}"`));
      const codes = new Set<string>();
      await fault.begin(scene);
      try {
        assert.equal((await ask(known)).status, 200, 'a known token is served at first');
        const expected = quoted(row.reasons).map(patternOf);
        await until(async () => {
          for (const token of [...fresh, known]) codes.add((await ask(token)).code);
          const given = await reasons();
          return expected.every((pattern) => given.some((reason) => pattern.test(reason)));
        }, `/readyz says ${row.reasons}`);
        if (fault.part === 'redis') assert.deepEqual([...codes], [''], 'nobody is refused because of Redis');
        else {
          assert.ok(codes.has('store_unavailable'), [...codes].join(', '));
          await until(async () => codes.add((await ask(known)).code).has('state_stale'), 'max_stale is over');
          for (const code of codes) assert.ok(row.clients.includes(code), code);
        }
      } finally {
        await fault.end(scene);
      }
      // By itself: no token that is new to the sidecar is asked for.
      await until(async () => (await reasons()).length === 0, 'no reason is left');
      await until(async () => (await ask(known)).status === 200, 'known tokens are served');
      const [always = ''] = row.log.split('; at a start');
      for (const event of [...quoted(always), ...quoted(row.back)].filter(isEvent)) {
        await until(() => logged(event), `${event} is logged`);
      }
    });
  }
});

function patternOf(reason: string): RegExp {
  return new RegExp(`^${reason.split('…').map(RegExp.escape).join('.*')}$`);
}

it('disk full: /readyz warns while the audit cannot be written, and decisions go on', async () => {
  const [row] = partRows().filter(({ fault }) => fault === 'disk full');
  const [reason = ''] = quoted(row?.reasons ?? '');
  const sidecar = await startSidecar({
    env: { CREDENTIALFLOW_AUDIT_PATH: '/dev/full', CREDENTIALFLOW_GATEWAY_KEY: gatewayKey, [secretVariable]: secret },
  });
  try {
    await sidecar.json(['apply', '-f', '-'], resources);
    const { token } = await sidecar.issueToken('team-1');
    await until(async () => {
      const { status } = await fetch(`${sidecar.urls.data}/api/auth`, { headers: question(token) });
      const readyz = await fetch(`${sidecar.urls.data}/readyz`);
      const { reasons } = (await readyz.json()) as { readonly reasons: readonly string[] };
      return status === 200 && readyz.status === 200 && reasons.includes(reason);
    }, `/readyz says ${reason}`);
  } finally {
    await sidecar.stop();
  }
});
