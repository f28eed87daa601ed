import type { GatewayRoute } from '../render/gateway-configuration.ts';
import type { RouteDocument } from '../sync/compare-routes.ts';
import type { Plan, Step } from '../sync/plan.ts';
import { idOf } from '../sync/plan.ts';
import type { SyncTarget } from '../sync/target.ts';
import type { RoutePlace } from './ports.ts';

/** Through the Admin API, by the steps of `apisix sync`: checked first, taken back where one fails. */
export function createAdminRoutes(target: SyncTarget): RoutePlace {
  let added: readonly RouteDocument[] = [];
  const apply = async (steps: readonly Step[]): Promise<void> => {
    const plan: Plan = { steps, inStep: [], refusals: [], warnings: [] };
    const outcome = await target.apply(plan, { routes: [] });
    if (outcome.done) return;
    const left = outcome.left.map((id) => `; route ${id} is left there`).join('');
    throw new RangeError(`stopped at ${outcome.reason}${left}`);
  };
  return {
    async read(id) {
      // A plan shows what is stored under an id of ours where it differs, and an empty route always does.
      const { steps } = await target.plan({ routes: [emptyRoute(id)] });
      const step = steps.find((candidate) => candidate.id === id);
      return step?.action === 'change' ? step.before : undefined;
    },
    async add(routes) {
      await apply(routes.map((route) => ({ action: 'add', id: idOf(route), route })));
      added = routes;
    },
    async remove() {
      const failures: string[] = [];
      // Each by itself: one that cannot be removed must not bring back the others.
      for (const before of added) {
        await apply([{ action: 'remove', id: idOf(before), before }]).catch((error: unknown) => {
          failures.push(error instanceof Error ? error.message : 'it failed');
        });
      }
      added = [];
      if (failures.length > 0) throw new RangeError(failures.join('; '));
    },
  };
}

function emptyRoute(id: string): GatewayRoute {
  const node = { scheme: 'http', host: '127.0.0.1', port: 1, timeout: { connect: 1, send: 1, read: 1 } } as const;
  const path = { kind: 'exact', path: '/' } as const;
  return { id, upstreamId: undefined, comment: '', path, methods: [], hosts: [], plugins: [], node };
}
