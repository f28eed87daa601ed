import { checkAllowed } from './checks/allowed.ts';
import { checkAway } from './checks/away.ts';
import { checkDenials } from './checks/denials.ts';
import { checkLogs } from './checks/logs.ts';
import { checkPaths } from './checks/paths.ts';
import { checkQuestions } from './checks/questions.ts';
import { checkSpoofed } from './checks/spoofed.ts';
import { checkVersion } from './checks/version.ts';
import type { Finding } from './finding.ts';
import type { Reply } from './ports.ts';
import { ask, bearer, describeReply } from './probe.ts';
import type { Probe } from './probe.ts';

/** Workers take a new configuration each for themselves; milliseconds. */
const workersMs = 1_500;

/** Waits until the gateway has the routes. Resolves with its last answer; rejects where it does not have them in time. */
export async function awaitRoutes(probe: Probe, withinMs: number): Promise<Reply> {
  const { guarded, watched, orphaned } = probe.names;
  const headers = bearer(probe.token.reveal());
  let last: Reply | undefined;
  const there = await probe.until(async () => {
    const replies = [];
    for (const route of [guarded, watched, orphaned]) {
      replies.push((await ask(probe, route, { path: '/open/ready', headers: route === guarded ? headers : [] })).reply);
    }
    [last] = replies;
    return replies.every(({ status }) => status !== 404);
  }, withinMs);
  if (last === undefined || !there) {
    throw new RangeError(
      `the gateway did not have the doctor's routes within ${withinMs / 1_000} s (it answered ${last === undefined ? 'nothing' : describeReply(last)})`,
    );
  }
  // The sidecar may be a moment behind its own admin API; what is still denied after that, the first check reports.
  await probe.until(
    async () => (last = (await ask(probe, guarded, { path: '/open/ready', headers })).reply).status === 200,
    3_000,
  );
  await probe.until(() => false, workersMs);
  return last;
}

/** Every check, in the order of the report. `stopped` throws when the operator wants no more. */
export async function examine(
  probe: Probe,
  options: { readonly first: Reply; readonly wrongToken: string; readonly stopped: () => void },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [checkVersion(options.first)];
  for (const check of [
    checkAllowed,
    checkSpoofed,
    (it: Probe) => checkDenials(it, options.wrongToken),
    checkPaths,
    checkQuestions,
    checkAway,
    checkLogs,
  ]) {
    options.stopped();
    findings.push(...(await check(probe)));
  }
  return findings;
}
