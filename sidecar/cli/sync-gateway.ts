import type { Problem } from '../core/error.ts';
import type { GatewayConfiguration } from '../gateway/render/gateway-configuration.ts';
import type { Plan } from '../gateway/sync/plan.ts';
import type { SyncTarget } from '../gateway/sync/target.ts';
import type { ApisixSource } from './apisix-source.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';

export interface SyncOptions {
  /** Looks at the plan before anything is done; false: leave it. */
  readonly confirm: (plan: Plan) => Promise<boolean>;
  /** What is wrong with the configuration that is about to be applied; an error of it stops everything. */
  readonly refuse?: (configuration: GatewayConfiguration) => Promise<readonly Problem[]>;
}

export interface SyncReport {
  readonly plan: Plan;
  readonly applied: boolean;
}

/** One pass: reads the resources, asks the gateway, plans, does it. Throws a CliFailure where it refuses or fails. */
export async function syncGateway(source: ApisixSource, target: SyncTarget, options: SyncOptions): Promise<SyncReport> {
  const configuration = await source.build(target.wiring);
  const problems = (await options.refuse?.(configuration)) ?? [];
  if (problems.some(({ severity }) => severity === 'error')) {
    throw new CliFailure(exitCodes.invalid, 'the configuration is refused', {
      code: 'gateway_configuration_unsafe',
      problems,
    });
  }
  const plan = await target.plan(configuration);
  if (plan.refusals.length > 0) {
    throw new CliFailure(exitCodes.failed, `${target.name} holds what is not ours; nothing was changed`, {
      code: 'gateway_foreign_routes',
      problems: plan.refusals.map((message) => ({ severity: 'error', message })),
      fix: 'give the upstream another route id (`routes`), or remove the other route yourself',
    });
  }
  if (plan.steps.length === 0 || !(await options.confirm(plan))) return { plan, applied: false };
  const outcome = await target.apply(plan, configuration);
  if (outcome.done) return { plan, applied: true };
  const { reason, rolledBack, left, failed } = outcome;
  throw new CliFailure(exitCodes.failed, `stopped at ${reason}`, {
    code: 'gateway_refused',
    problems: left.map((id) => ({ severity: 'error', message: `route ${id} could not be put back: look at it` })),
    fix:
      failed === undefined
        ? 'nothing was changed'
        : `what was done before was taken back${rolledBack.length === 0 ? ' (nothing was)' : `: ${rolledBack.join(', ')}`}`,
  });
}
