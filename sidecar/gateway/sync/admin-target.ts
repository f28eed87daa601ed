import { apisixRoute } from '../render/formats/apisix-route.ts';
import { environmentWiring } from '../render/wiring.ts';
import { applyPlan } from './apply-plan.ts';
import type { GatewayAdmin } from './gateway-admin.ts';
import { planRoutes } from './plan.ts';
import type { SyncTarget } from './target.ts';

/** A running gateway, through its Admin API. */
export function createAdminTarget(
  options: { readonly name: string },
  deps: { readonly admin: GatewayAdmin },
): SyncTarget {
  const { admin } = deps;
  return {
    name: options.name,
    wiring: environmentWiring,
    plan: async ({ routes }) => planRoutes(routes.map(apisixRoute), await admin.list()),
    apply: (plan) => applyPlan(plan, admin),
  };
}
