import type { GatewayConfiguration } from '../render/gateway-configuration.ts';
import type { Outcome } from './apply-plan.ts';
import type { Plan } from './plan.ts';
import type { Wiring } from '../render/wiring.ts';

/** A gateway, or the file that one reads. */
export interface SyncTarget {
  /** For people; no secret. */
  readonly name: string;
  readonly wiring: Wiring;
  /** What would change; changes nothing. Rejects where the target cannot be read. */
  plan(configuration: GatewayConfiguration): Promise<Plan>;
  apply(plan: Plan, configuration: GatewayConfiguration): Promise<Outcome>;
}
