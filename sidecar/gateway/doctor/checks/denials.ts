import { denialTable } from '../../../core/codes.ts';
import type { CodeRow } from '../../../core/codes.ts';
import type { Finding } from '../finding.ts';
import { failed, ok } from '../finding.ts';
import type { Reply } from '../ports.ts';
import { ask, bearer, describeReply } from '../probe.ts';
import type { Probe } from '../probe.ts';

/** Denials arrive as the client's SDK understands them. `wrongToken`: of the right shape, and nobody's. */
export async function checkDenials(probe: Probe, wrongToken: string): Promise<readonly Finding[]> {
  const { guarded } = probe.names;
  const unknown = await ask(probe, guarded, { path: '/open/x', headers: bearer(wrongToken) });
  const forbidden = await ask(probe, guarded, { path: '/closed/x', headers: bearer(probe.token.reveal()) });
  return [
    judge({ check: 'denial-401', what: 'a wrong token', status: 401 }, unknown.reply, unknown.reached !== undefined),
    judge(
      { check: 'denial-403', what: 'a forbidden path', status: 403 },
      forbidden.reply,
      forbidden.reached !== undefined,
    ),
  ];
}

function judge(
  wanted: { readonly check: string; readonly what: string; readonly status: 401 | 403 },
  reply: Reply,
  reached: boolean,
): Finding {
  const { check, what, status } = wanted;
  if (reached) {
    return failed(check, `a request with ${what} reached the upstream`, 'set allow_degradation: false in forward-auth');
  }
  if (reply.status !== status) {
    return failed(
      check,
      `${what} was answered ${describeReply(reply)} in place of ${status}`,
      reply.status >= 500
        ? 'the gateway got no answer of the sidecar: look at its error.log'
        : 'another plugin of the gateway answers: look at its global rules',
    );
  }
  const missing = missingHeaders(reply, status);
  if (missing.length > 0) {
    return failed(
      check,
      `the ${status} came without ${missing.join(', ')}, so that a client's SDK cannot read it`,
      `add ${missing.join(', ')} to client_headers of forward-auth`,
    );
  }
  if (!hasPresetBody(reply)) {
    return failed(
      check,
      `the ${status} came with another body than the preset's`,
      'take the plugin that rewrites responses (error-page, response-rewrite) off this route',
    );
  }
  return ok(check, `${what} is answered ${status} in the preset's words, with x-cf-decision and x-should-retry`);
}

function missingHeaders({ headers }: Reply, status: 401 | 403): readonly string[] {
  const names = ['x-cf-decision', 'x-should-retry', ...(status === 401 ? ['www-authenticate'] : [])];
  const absent = names.filter((name) => (headers[name] ?? '') === '');
  return /^application\/json\b/.test(headers['content-type'] ?? '') ? absent : ['content-type', ...absent];
}

/** As the preset `generic` has it. */
function hasPresetBody({ status, body }: Reply): boolean {
  try {
    const { code, title, ...others } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    const row = (denialTable as Readonly<Record<string, CodeRow>>)[String(code)];
    return row?.status === status && title === row.message && others['status'] === status;
  } catch {
    return false;
  }
}
