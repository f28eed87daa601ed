import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Secret } from '../../sidecar/core/secret.ts';
import { readIfThere, replaceFile } from '../../sidecar/gateway/replace-file.ts';
import type { RouteDocument } from '../../sidecar/gateway/sync/compare-routes.ts';
import { createGatewayAdmin } from '../../sidecar/gateway/sync/gateway-admin.ts';
import { idOf } from '../../sidecar/gateway/sync/plan.ts';
import { createHttpClient } from '../../sidecar/ops/http-client.ts';
import { readRoutes } from '../gateway/stand-in/configuration.ts';
import type { Route } from '../gateway/stand-in/configuration.ts';
import { variantOf } from '../gateway/stand-in/variant.ts';
import type { StandInGateway, StandInOptions } from '../gateway/stand-in.ts';

/** How the routes of a test get to a real gateway on this machine. */
export type RealGateway =
  | { readonly kind: 'admin'; readonly url: string; readonly adminUrl: string; readonly key: Secret }
  | { readonly kind: 'file'; readonly url: string; readonly file: string };

const defaultUrl = 'http://127.0.0.1:9080';
const testLabel = { 'credentialflow-test': 'yes' };
const canaryId = 'credentialflow-canary';
/** Workers take a change one after the other. */
const answersInARow = 20;
const liveWithinMs = 30_000;

/** The gateway that the environment names; undefined: none. Throws where it names half of one. */
export function findRealGateway(env: Readonly<Record<string, string | undefined>>): RealGateway | undefined {
  const { APISIX_URL: url, APISIX_ADMIN_URL: adminUrl, APISIX_ADMIN_KEY: key, APISIX_HOME: home } = env;
  if (adminUrl !== undefined) {
    if (key === undefined) throw new Error('APISIX_ADMIN_URL needs APISIX_ADMIN_KEY');
    return { kind: 'admin', url: url ?? defaultUrl, adminUrl, key: new Secret(key) };
  }
  if (home !== undefined) return { kind: 'file', url: url ?? defaultUrl, file: join(home, 'conf/apisix.yaml') };
  if (url !== undefined) throw new Error('APISIX_URL needs APISIX_ADMIN_URL or APISIX_HOME: routes must get there');
  return undefined;
}

/**
 * The routes of `options.nodes` at a real gateway, which must reach this machine's loopback. They carry a label of their
 * own; a route of the same id without it is left alone, and the test fails.
 */
export async function startRealGateway(gateway: RealGateway, options: StandInOptions): Promise<StandInGateway> {
  assert.ok(options.sidecar, 'a real gateway needs the address of a running sidecar');
  const nonce = randomBytes(8).toString('hex');
  const wanted = readRoutes(options.apisixYaml, options.env)
    .map((route) => variantOf(route, options))
    .flatMap((route) => {
      const node = options.nodes?.[route.id];
      return node === undefined ? [] : [documentOf({ ...route, upstream: { ...route.upstream, ...upstreamOf(node) } })];
    });
  const canary: RouteDocument = {
    id: canaryId,
    uri: `/${canaryId}/${nonce}`,
    labels: testLabel,
    plugins: { 'proxy-rewrite': { uri: '/healthz' } },
    upstream: { type: 'roundrobin', ...upstreamOf(options.sidecar) },
  };
  const routes = [...wanted, canary];
  const remove = gateway.kind === 'admin' ? await putByAdmin(gateway, routes) : putByFile(gateway, routes);
  try {
    await untilLive(`${gateway.url}/${canaryId}/${nonce}`);
  } catch (error) {
    await remove();
    throw error;
  }
  return { url: gateway.url, questions: [], flushLogs: () => Promise.resolve(), stop: remove };
}

function documentOf(route: Route): RouteDocument {
  return { ...(JSON.parse(JSON.stringify(route)) as RouteDocument), labels: testLabel };
}

function upstreamOf(origin: string) {
  const { hostname, port } = new URL(origin);
  return { scheme: 'http' as const, nodes: [{ host: hostname, port: Number(port), weight: 1 }] };
}

async function putByAdmin(
  { adminUrl, key }: Extract<RealGateway, { readonly kind: 'admin' }>,
  routes: readonly RouteDocument[],
): Promise<() => Promise<void>> {
  const http = createHttpClient();
  const admin = createGatewayAdmin({ url: adminUrl, key }, { http });
  const ids = routes.map(idOf);
  for (const id of ids) {
    const stored = await admin.read(id);
    const isOurs = stored === undefined || JSON.stringify(stored['labels']) === JSON.stringify(testLabel);
    if (!isOurs) {
      await http.close();
      throw new Error(`the gateway has a route ${id} that is not of a test`);
    }
  }
  for (const [i, route] of routes.entries()) await admin.put(ids[i] ?? '', route);
  return async () => {
    for (const id of ids) if ((await admin.read(id)) !== undefined) await admin.remove(id);
    await http.close();
  };
}

function putByFile(
  { file }: Extract<RealGateway, { readonly kind: 'file' }>,
  routes: readonly RouteDocument[],
): () => Promise<void> {
  const before = readIfThere(file) ?? 'routes: []\n#END\n';
  // JSON is YAML.
  replaceFile(file, `${JSON.stringify({ routes })}\n#END\n`);
  return () => {
    replaceFile(file, before);
    return Promise.resolve();
  };
}

async function untilLive(url: string): Promise<void> {
  const until = performance.now() + liveWithinMs;
  let inARow = 0;
  while (inARow < answersInARow) {
    const status = await fetch(url).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => undefined,
    );
    inARow = status === 200 ? inARow + 1 : 0;
    if (inARow > 0) continue;
    if (performance.now() > until) throw new Error(`the gateway did not take its routes within ${liveWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
