import type { Finding } from '../finding.ts';
import { failed, ok, skipped } from '../finding.ts';
import { ask, bearer, describeReply } from '../probe.ts';
import type { Probe } from '../probe.ts';

/** Below the route's prefix; `/open` is allowed, `/closed` is not. Each is read in more than one way by somebody. */
const tricks = [
  '/open/../closed/x',
  '/open/%2e%2e/closed/x',
  '/open/..%2fclosed/x',
  '/open/%2e%2e%2fclosed/x',
  '/open/.%2e/closed/x',
  '/open//../closed/x',
  '/open/..;/closed/x',
  '/open/%252e%252e/closed/x',
  '/open/..%5cclosed/x',
  '/open\\..\\closed/x',
  '/closed%3Fopen/x',
  '/open%3Fx/../closed/x',
  '/closed/x%23/../../open/x',
  '/open%2f..%2fclosed/x',
  '/closed/..%2fopen/x',
  '/closed/%2e%2e/open/x',
  '//closed/x',
  '/./closed/x',
  '/CLOSED/../open%2f../closed/x',
] as const;

/** Whatever becomes of it, only what is below `/open` may come through, however the upstream reads it. */
export async function checkPaths(probe: Probe): Promise<readonly Finding[]> {
  const check = 'path-tricks';
  const headers = bearer(probe.token.reveal());
  const plain = await ask(probe, probe.names.guarded, { path: '/open/models/x:generate', headers });
  if (plain.reached === undefined) return [skipped(check, `no request was allowed: ${describeReply(plain.reply)}`)];
  for (const path of tricks) {
    const { reached, reply } = await ask(probe, probe.names.guarded, { path, headers });
    if (reached !== undefined && !staysOpen(reached.target, probe.names.basePath)) {
      const [got] = reached.target.split('?');
      return [
        failed(
          check,
          `${path} was allowed, and reached the upstream as ${got ?? ''}`,
          'extra_headers of forward-auth must hold X-CF-Raw-Uri: $real_request_uri and X-CF-Upstream-Uri: $upstream_uri',
        ),
      ];
    }
    if (reached === undefined && (reply.status < 400 || reply.status >= 500)) {
      return [
        failed(
          check,
          `${path} was answered ${describeReply(reply)}, where a denial was due`,
          "look at the gateway's error.log",
        ),
      ];
    }
  }
  return [ok(check, `${tricks.length} ambiguous paths are judged as what the upstream gets, or refused`)];
}

/** For an upstream that takes the path as it is, and for the most generous one: decoded again and again, `\\` as `/`. */
function staysOpen(target: string, basePath: string): boolean {
  if (!target.startsWith(`${basePath}/open/`)) return false;
  let path = target.split(/[?#]/)[0] ?? '';
  for (let i = 0; i < 4; i++) path = path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => charOf(hex));
  const kept: string[] = [];
  for (const segment of path.replaceAll('\\', '/').split('/')) {
    const [name = ''] = segment.split(';');
    if (name === '..') kept.pop();
    else if (name !== '' && name !== '.') kept.push(name);
  }
  return `/${kept.join('/')}`.startsWith(`${basePath}/open/`);
}

function charOf(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}
