import type { Finding } from '../finding.ts';
import { failed, ok } from '../finding.ts';
import { ask, inEverySlot } from '../probe.ts';
import type { Probe } from '../probe.ts';

/** The route whose question nobody answers: as if the sidecar had died. */
export async function checkAway(probe: Probe): Promise<readonly Finding[]> {
  const check = 'sidecar-away';
  const { reached, reply } = await ask(probe, probe.names.orphaned, {
    path: '/open/x',
    headers: inEverySlot(probe.token.reveal()),
  });
  if (reached !== undefined) {
    return [
      failed(
        check,
        "without the sidecar a request reached the upstream, with the client's own headers",
        'set allow_degradation: false in forward-auth',
      ),
    ];
  }
  if (reply.status !== 503) {
    return [
      failed(
        check,
        `without the sidecar a client is answered ${reply.status}, which ${meaning(reply.status)}`,
        'set status_on_error: 503 in forward-auth',
      ),
    ];
  }
  return [ok(check, "the sidecar's death gives 503, and nothing reaches the upstream")];
}

function meaning(status: number): string {
  if (status < 300) return 'looks like success';
  return status === 403 ? 'looks like a lack of rights and is not tried again' : 'says something else';
}
