/** A fleet for the benches: one PostgreSQL, one Redis, many sidecars in processes of their own, all real. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startPostgres, type TestPostgres } from '../../test/support/postgres.ts';
import { startRedis, type TestRedis } from '../../test/support/redis.ts';
import { createHome, startSidecar, type BenchHome, type BenchSidecar } from '../sidecar.ts';
import { gatewayKey, secret, secretVariable } from '../world.ts';

export interface Scene {
  readonly home: BenchHome;
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  /** On the same port, empty, as a cache may be. */
  restartRedis(): Promise<void>;
  /** URL of the fleet's database, and of its cache. */
  readonly store: string;
  readonly cache: string;
  /** The key ring of all sidecars. */
  readonly env: Readonly<Record<string, string>>;
  readonly sidecars: readonly BenchSidecar[];
  /** One more sidecar of the same fleet. */
  start(env?: Readonly<Record<string, string>>): Promise<BenchSidecar>;
  /** Asks the admin API of a sidecar; rejects unless it answers 2xx. */
  admin(sidecar: BenchSidecar, method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export interface SceneOptions {
  readonly sidecars: number;
  /** Behind the store's URL, such as `listen=off`. */
  readonly storeOptions?: string;
  /** Replaces the cache's URL: `memory`, or another user of the same Redis. */
  readonly cache?: (redis: TestRedis) => Promise<string>;
  readonly env?: Readonly<Record<string, string>>;
}

export const logKey = 'cfl_bench0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const adminKey = 'cfa_bench0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** What the fleet serves: each team may chat, and nothing else. */
export const teams = 20;
export const allowedPath = '/v1/chat/completions';
export const forbiddenPath = '/v1/files';

const upstreamId = 'openai';

export async function startScene(options: SceneOptions): Promise<Scene> {
  const home = createHome('');
  const [postgres, firstRedis] = await Promise.all([startPostgres(), startRedis()]);
  let redis = firstRedis;
  const sidecars: BenchSidecar[] = [];
  const stop = async (): Promise<void> => {
    postgres.resume();
    if (redis.own) redis.resume();
    await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    await Promise.all([postgres.stop(), redis.stop()]);
    home.remove();
  };
  try {
    const store = await postgres.database(options.storeOptions);
    const cache = options.cache === undefined ? redis.url : await options.cache(redis);
    const env = {
      CREDENTIALFLOW_STORE: store,
      CREDENTIALFLOW_CACHE: cache,
      CREDENTIALFLOW_RESOURCES: '',
      CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
      CREDENTIALFLOW_ADMIN_KEY: adminKey,
      CREDENTIALFLOW_LOG_KEY: logKey,
      CREDENTIALFLOW_MASTER_KEY: randomBytes(32).toString('base64'),
      [secretVariable]: secret,
      ...options.env,
    };
    let started = 0;
    const start = async (more: Readonly<Record<string, string>> = {}): Promise<BenchSidecar> => {
      const dataDir = join(home.folder, `data-${String(started++)}`);
      const sidecar = await startSidecar(home, { env: { ...env, CREDENTIALFLOW_DATA_DIR: dataDir, ...more } });
      sidecars.push(sidecar);
      return sidecar;
    };
    const scene: Scene = {
      home,
      postgres,
      get redis() {
        return redis;
      },
      async restartRedis() {
        await redis.stop();
        redis = await startRedis({ port: redis.port });
      },
      store,
      cache,
      env,
      sidecars,
      start,
      admin: askAdmin,
      stop,
    };
    await applyWorld(await start(), scene);
    // Some at a time: each start wants a processor for a second.
    for (let left = options.sidecars - 1; left > 0; left -= 2) {
      await Promise.all(Array.from({ length: Math.min(2, left) }, () => start()));
    }
    return scene;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function applyWorld(sidecar: BenchSidecar, scene: Scene): Promise<void> {
  const put = (kind: string, id: string, body: unknown): Promise<unknown> =>
    scene.admin(sidecar, 'PUT', `/api/v1/${kind}/${id}`, body);
  await put('upstreams', upstreamId, { preset: 'openai' });
  await put('credentials', 'openai-main', {
    upstream: upstreamId,
    secret: { from: 'env', name: secretVariable },
  });
  for (let i = 0; i < teams; i++) await put('consumers', `team-${String(i)}`, { owner: 'bench', groups: ['teams'] });
  await put('policies', 'teams-may-chat', {
    effect: 'allow',
    groups: ['teams'],
    upstreams: [upstreamId],
    methods: ['POST'],
    paths: [allowedPath],
  });
}

async function askAdmin(sidecar: BenchSidecar, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`http://${sidecar.admin.host}:${String(sidecar.admin.port)}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${text.slice(0, 300)}`);
  return text === '' ? undefined : JSON.parse(text);
}

export interface Issued {
  readonly id: string;
  readonly token: string;
}

/** A token of a team, by the admin API of a sidecar. */
export async function issueToken(scene: Scene, sidecar: BenchSidecar, team: number): Promise<Issued> {
  const body = { consumer: `team-${String(team % teams)}`, ttl: '1d' };
  return (await scene.admin(sidecar, 'POST', '/api/v1/tokens', body)) as Issued;
}

export async function revokeToken(scene: Scene, sidecar: BenchSidecar, id: string): Promise<void> {
  await scene.admin(sidecar, 'POST', `/api/v1/tokens/${id}/revoke`);
}
