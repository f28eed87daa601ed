import type { Finding } from '../finding.ts';
import { failed, ok, skipped } from '../finding.ts';
import { ask, denialOf, describeReply, headersWith, inEverySlot } from '../probe.ts';
import type { Outcome, Probe } from '../probe.ts';

/** An allowed request: the secret arrives in its place, once, and nothing of the client's token does. */
export async function checkAllowed(probe: Probe): Promise<readonly Finding[]> {
  const outcome = await ask(probe, probe.names.guarded, {
    path: '/open/secret',
    headers: inEverySlot(probe.token.reveal()),
  });
  if (outcome.reached === undefined) {
    return [notAllowed(outcome), skipped('token-stays', 'no request was allowed')];
  }
  return [secretArrives(outcome.reached, probe), tokenStays(outcome.reached, probe)];
}

function notAllowed({ reply }: Outcome): Finding {
  const denial = denialOf(reply);
  return failed(
    'secret-arrives',
    `a request that the policy allows was answered ${describeReply(reply)} and reached no upstream`,
    denial?.row.fix ??
      (reply.status === 503
        ? 'the gateway got no answer: it must reach the sidecar at the address of --sidecar'
        : 'the gateway must reach the upstream that this command starts: see --listen and --upstream-url'),
  );
}

function secretArrives(reached: NonNullable<Outcome['reached']>, probe: Probe): Finding {
  const check = 'secret-arrives';
  const canary = probe.canary.reveal();
  const holders = headersWith(reached, canary);
  const [first, ...others] = holders;
  if (first === 'authorization' && others.length === 0 && !reached.target.includes(canary)) {
    return ok(check, 'the secret arrives at the upstream, once, in authorization');
  }
  return first === undefined
    ? failed(
        check,
        'the request reached the upstream without the secret',
        'add authorization to upstream_headers of forward-auth',
      )
    : failed(
        check,
        `the secret arrived in ${holders.join(', ')}, and should in authorization alone`,
        'another plugin of this gateway copies headers: look at its global rules',
      );
}

function tokenStays(reached: NonNullable<Outcome['reached']>, probe: Probe): Finding {
  const check = 'token-stays';
  const token = probe.token.reveal();
  const holders = headersWith(reached, token);
  if (holders.length === 0 && !reached.target.includes(token) && !reached.body.includes(token)) {
    return ok(check, "the client's token does not, from none of its slots");
  }
  const names = [...new Set(holders)].join(', ');
  return failed(
    check,
    `the client's token reached the upstream in ${names === '' ? 'the path' : names}`,
    `add ${names} to upstream_headers of forward-auth, in lower case, and use APISIX 3.17 or newer`,
  );
}
