import { differencesOf } from './compare-routes.ts';
import type { GatewayAdmin } from './gateway-admin.ts';
import { GatewayRefusal } from './gateway-admin.ts';
import type { Plan, Step } from './plan.ts';

export type Outcome =
  | { readonly done: true }
  | {
      readonly done: false;
      /** Why it stopped. */
      readonly reason: string;
      /** The step that failed; undefined: none was taken. */
      readonly failed: string | undefined;
      /** Ids that were put back as they were. */
      readonly rolledBack: readonly string[];
      /** Ids that could not be: the operator must look. */
      readonly left: readonly string[];
    };

/**
 * Asks the gateway whether it would take each route, before the first is written; then does the steps. Where one fails,
 * takes back those before it in reverse, and the failed one too if no answer said that it was not done.
 */
export async function applyPlan({ steps }: Plan, admin: GatewayAdmin): Promise<Outcome> {
  for (const step of steps) {
    if (step.action === 'remove') continue;
    const refusal = await refusalOf(() => admin.check(step.route));
    if (refusal !== undefined) return stopped(`the gateway would not take route ${step.id}: ${refusal.reason}`);
  }
  const done: Step[] = [];
  for (const step of steps) {
    const failure = await refusalOf(() => take(step, admin));
    if (failure === undefined) {
      done.push(step);
      continue;
    }
    const touched = failure.certain ? done : [...done, step];
    const { rolledBack, left } = await rollBack(touched, admin);
    return { done: false, reason: `route ${step.id}: ${failure.reason}`, failed: step.id, rolledBack, left };
  }
  return { done: true };
}

function stopped(reason: string): Outcome {
  return { done: false, reason, failed: undefined, rolledBack: [], left: [] };
}

/** Looks again before it touches anything: between plan and step somebody else may have been there. */
async function take(step: Step, admin: GatewayAdmin): Promise<void> {
  const now = await admin.read(step.id);
  if (step.action === 'add') {
    if (now !== undefined) throw new GatewayRefusal(409, 'it was added by somebody else meanwhile');
    await admin.put(step.id, step.route);
    return;
  }
  if (now === undefined || differencesOf(step.before, now).length > 0) {
    throw new GatewayRefusal(409, 'it was changed by somebody else meanwhile');
  }
  if (step.action === 'change') await admin.put(step.id, step.route);
  else await admin.remove(step.id);
}

async function rollBack(
  steps: readonly Step[],
  admin: GatewayAdmin,
): Promise<{ readonly rolledBack: readonly string[]; readonly left: readonly string[] }> {
  const rolledBack: string[] = [];
  const left: string[] = [];
  for (const step of steps.toReversed()) {
    const failure = await refusalOf(() => takeBack(step, admin));
    (failure === undefined ? rolledBack : left).push(step.id);
  }
  return { rolledBack, left };
}

async function takeBack(step: Step, admin: GatewayAdmin): Promise<void> {
  if (step.action !== 'add') {
    await admin.put(step.id, step.before);
    return;
  }
  if ((await admin.read(step.id)) !== undefined) await admin.remove(step.id);
}

/** `certain`: the gateway said no, so nothing was done. */
async function refusalOf(
  work: () => Promise<void>,
): Promise<{ readonly reason: string; readonly certain: boolean } | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it failed';
    return { reason, certain: error instanceof GatewayRefusal && error.status < 500 };
  }
}
