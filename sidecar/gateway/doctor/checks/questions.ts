import { tokenSlotHeaders } from '../../../core/preset.ts';
import type { Finding } from '../finding.ts';
import { failed, ok, skipped } from '../finding.ts';
import { ask, headersWith, isQuestion, valueOf } from '../probe.ts';
import type { HeaderLines, Outcome, Probe } from '../probe.ts';

const forged = 'forged-by-the-client';

/** The client's values here are made up: the answers of the watched route come from the doctor, not from the sidecar. */
const ofTheClient: HeaderLines = [
  ...tokenSlotHeaders.map((name) => [name, forged] as const),
  ['X-Forwarded-Uri', forged],
  ['x-forwarded-uri', forged],
  ['X-Forwarded-Method', forged],
  ['X-Forwarded-Host', forged],
  ['X-Forwarded-For', forged],
  ['X-CF-Raw-Uri', forged],
  ['X-CF-Upstream-Uri', forged],
  ['X-CF-Route', forged],
];

/** The question itself, seen by the doctor in the sidecar's place; it answers an allow without any header. */
export async function checkQuestions(probe: Probe): Promise<readonly Finding[]> {
  const { watched } = probe.names;
  const outcomes: Outcome[] = [];
  for (const path of ['/open/x', '/open//y/./z', '/open/%2e%2e/open/a%20b', '/open/a%3Fadmin=1', '/open/model%2Fone']) {
    outcomes.push(await ask(probe, watched, { path, headers: ofTheClient }));
  }
  if (outcomes.every(({ question }) => question === undefined)) {
    const why = 'the gateway sent no question to the doctor: see --listen and --upstream-url';
    return ['question', 'answer-clears', 'keep-alive'].map((check) => skipped(check, why));
  }
  return [describesTheRequest(outcomes, probe), clears(outcomes), keepsAlive(probe)];
}

function describesTheRequest(outcomes: readonly Outcome[], { names, boundByRoute }: Probe): Finding {
  const check = 'question';
  for (const { question, reached } of outcomes) {
    if (question === undefined) continue;
    const claimed = headersWith(question, forged).filter((name) => !tokenSlotHeaders.some((slot) => slot === name));
    if (claimed.length > 0) {
      return failed(
        check,
        `the question holds what the client claims in ${claimed.join(', ')}`,
        `take ${claimed.join(', ')} out of request_headers of forward-auth`,
      );
    }
    if (boundByRoute && valueOf(question, 'x-cf-route') !== names.watched.id) {
      return failed(
        check,
        'the question does not name the route',
        'add X-CF-Route: $route_id to extra_headers of forward-auth',
      );
    }
    const rewritten = valueOf(question, 'x-cf-upstream-uri') ?? '';
    const told = rewritten === '' ? (valueOf(question, 'x-cf-raw-uri') ?? '') : rewritten;
    if (reached !== undefined && told !== reached.target) {
      return failed(
        check,
        `the upstream got another path (${pathOf(reached.target)}) than the sidecar was told (${pathOf(told)})`,
        rewritten === ''
          ? 'the route rewrites: add X-CF-Upstream-Uri: $upstream_uri to extra_headers of forward-auth'
          : 'a plugin changes the path after forward-auth: take it off this route',
      );
    }
  }
  return ok(check, 'the question names the route and the very path that the upstream gets, and no claim of the client');
}

function clears(outcomes: readonly Outcome[]): Finding {
  const check = 'answer-clears';
  const reached = outcomes.find((outcome) => outcome.reached !== undefined)?.reached;
  if (reached === undefined) return skipped(check, 'no request of the watched route reached the upstream');
  const kept = headersWith(reached, forged).filter((name) => tokenSlotHeaders.some((slot) => slot === name));
  if (kept.length === 0) return ok(check, 'what an answer leaves out is removed from the request');
  return failed(
    check,
    `the gateway keeps headers that an answer leaves out: ${kept.join(', ')}`,
    kept.length === tokenSlotHeaders.length
      ? 'APISIX before 3.17 does (CVE-2026-39998): use 3.17 or newer, 3.18 is recommended'
      : `add ${kept.join(', ')} to upstream_headers of forward-auth`,
  );
}

/** One client on one connection: the gateway needs one connection for all its questions. */
function keepsAlive(probe: Probe): Finding {
  const check = 'keep-alive';
  const questions = probe.arrived.filter((arrival) => isQuestion(arrival, probe));
  const connections = new Set(questions.map(({ connection }) => connection)).size;
  const count = `${questions.length} questions, one after the other, on ${connections} connection${connections === 1 ? '' : 's'}`;
  // The first ones, while the routes came, may have been another worker's.
  if (connections <= Math.max(2, questions.length / 3)) return ok(check, count);
  return failed(
    check,
    `the gateway opens a connection for each question: ${count}`,
    'set keepalive: true and keepalive_pool: 320 in forward-auth, and put no proxy between that closes',
  );
}

function pathOf(target: string): string {
  return target === '' ? 'nothing' : (target.split('?')[0] ?? '');
}
