import type { Cancel } from '../core/ports.ts';
import { backoffMs, connectRedis, type RedisConnection } from './redis-connection.ts';
import { faultNamed, fixFor, reasonOf } from './redis-fault.ts';
import type { RedisNode } from './redis-node.ts';
import { askOnce } from './redis-question.ts';
import type { RedisRoutes, RouteDeps, RouteOptions } from './redis-routes.ts';
import { readSlots, redirectOf, slotOf, type SlotMap } from './redis-slots.ts';

export interface ClusterOptions extends RouteOptions {
  /** Whom to ask first for the nodes. */
  readonly seeds: readonly [RedisNode, ...RedisNode[]];
}

/** How often a healthy cluster is asked for its nodes, and the shortest time between two questions; milliseconds. */
const [refreshMs, spacingMs] = [10_000, 250];
const guard = { replies: 'slots', maxBulkBytes: 512 } as const;

/**
 * A connection to each master of a cluster, and the map of its slots: read at the start, every 10 s, and soon after a
 * redirect, a lost connection or a lost slot. A redirect is followed once, and only to a master of the map: what a
 * server writes into an error reply opens no connection.
 */
export function createClusterRoutes(options: ClusterOptions, deps: RouteDeps): RedisRoutes {
  const { clock, log } = deps;
  const connections = new Map<string, RedisConnection>();
  let settleTried: Cancel = () => undefined;
  const tried = new Promise<void>((resolve) => {
    settleTried = resolve;
  });
  let map: SlotMap = { masters: new Map(), owners: [] };
  let fault = '';
  let attempts = 0;
  let busy = false;
  let closed = false;
  let lastBeganMs = Number.NEGATIVE_INFINITY;
  let cancelNext: Cancel = () => undefined;

  function schedule(ms: number): void {
    cancelNext();
    if (!closed) cancelNext = clock.after(ms, () => void refresh());
  }

  const refreshSoon = (): void => {
    if (!busy) schedule(Math.max(0, lastBeganMs + spacingMs - clock.monotonic()));
  };

  async function refresh(): Promise<void> {
    if (busy || closed) return;
    busy = true;
    lastBeganMs = clock.monotonic();
    const found = await readMap();
    busy = false;
    if (found !== undefined) adopt(found);
    const isWhole = found !== undefined && isUp();
    attempts = isWhole ? 0 : attempts + 1;
    schedule(isWhole ? refreshMs * (0.9 + Math.random() / 5) : Math.max(spacingMs, backoffMs(attempts)));
    if (connections.size === 0) settleTried();
    else void Promise.all([...connections.values()].map((connection) => connection.tried)).then(() => settleTried());
  }

  /** Who answers first is believed; a node that was cut off from the others corrects itself with them. */
  async function readMap(): Promise<SlotMap | undefined> {
    let reason = 'NO_CLUSTER';
    for (const node of shuffled([...map.masters.values()]).concat(options.seeds)) {
      if (closed) return undefined;
      try {
        const answer = await askOnce(node, { access: options.access, guard, words: ['CLUSTER', 'SLOTS'] });
        const found = readSlots(answer, node);
        if (found !== undefined) {
          fault = '';
          return found;
        }
      } catch (error) {
        reason = reasonOf(error);
      }
    }
    if (fault !== reason) log.warn('cache_unreachable', { role: 'nodes', reason, fix: fixFor(reason) });
    fault = reason;
    return undefined;
  }

  function adopt(found: SlotMap): void {
    if (closed) return;
    for (const [name, connection] of connections) {
      if (found.masters.has(name)) continue;
      connections.delete(name);
      connection.close();
    }
    map = found;
    for (const [name, node] of found.masters) {
      if (connections.has(name)) continue;
      const role = 'values';
      connections.set(
        name,
        connectRedis({ ...options, role, locate: async () => node }, { ...deps, onDown: refreshSoon }),
      );
    }
  }

  const isUp = (): boolean => connections.size > 0 && [...connections.values()].every((one) => one.isUp());

  void refresh();
  return {
    to(key) {
      if (key === undefined) return [...connections.values()].find((connection) => connection.isUp());
      return connections.get(map.owners[slotOf(key)] ?? '');
    },
    after(error) {
      const redirect = redirectOf(error);
      if (redirect === undefined) {
        if (['CLUSTERDOWN', 'READONLY', 'timeout'].includes(reasonOf(error))) refreshSoon();
        return undefined;
      }
      if (redirect.kind === 'MOVED') refreshSoon();
      const connection = connections.get(redirect.to);
      if (connection === undefined) return undefined;
      if (redirect.kind === 'MOVED') map.owners[redirect.slot] = redirect.to;
      return { connection, asking: redirect.kind === 'ASK' };
    },
    async locate() {
      const [node] = shuffled(map.masters.size === 0 ? [...options.seeds] : [...map.masters.values()]);
      if (node === undefined) throw faultNamed('NO_CLUSTER');
      return node;
    },
    isUp,
    faults: () => [
      ...(connections.size === 0 ? [fault === '' ? 'connecting' : fault] : []),
      ...[...connections.values()].filter((one) => !one.isUp()).map((one) => one.fault()),
    ],
    tried,
    close() {
      closed = true;
      cancelNext();
      for (const connection of connections.values()) connection.close();
      connections.clear();
      settleTried();
    },
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
