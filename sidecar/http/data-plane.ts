import type { Server, ServerResponse } from 'node:http';
import type { DenialCode } from '../core/codes.ts';
import type { Decision, Question } from '../core/decision.ts';
import type { TokenDescription } from '../core/describe-token.ts';
import type { Log, LogSource } from '../core/ports.ts';
import { traceIdOf } from '../core/trace-id.ts';
import { createAllowSender, sendDenial, sendEmpty, sendJson, sendProblem } from './data-plane-answers.ts';
import { hasBody, readBody } from './data-plane-body.ts';
import { createQuestionRequest, readQuestion, type QuestionRequest } from './data-plane-question.ts';
import { createDenialRenderer } from './denial.ts';
import { createHardenedServer, type MakeServer } from './hardened-server.ts';
import { withLimit } from './limit-headers.ts';
import { answerHealth, refuseMethod, type Readiness } from './health-routes.ts';

export interface DataPlaneOptions {
  /** Default: plain HTTP. */
  readonly makeServer?: MakeServer | undefined;
  /** One debug line a decision; default false. */
  readonly logDecisions?: boolean;
}

export interface DataPlaneDeps {
  readonly decide: (question: Question) => Decision | Promise<Decision>;
  readonly describeToken: (question: Question) => Promise<TokenDescription | { readonly deny: DenialCode }>;
  readonly logs: LogReceiver;
  readonly readiness: () => Readiness;
  readonly log: Log;
}

/** Takes the gateway's access-log batches. */
export interface LogReceiver {
  /** Asked before the body is read; the value of `authorization` as it came. Undefined: a stranger. */
  readonly identify: (authorization: string | undefined) => LogSource | undefined;
  /** Keeps room for a body of at most so many bytes; the answer gives it back. Undefined: the gateway is to come again. */
  readonly admit: (bytes: number) => (() => void) | undefined;
  /** The whole body; the status of the answer. Reads it later: nobody waits for that. */
  readonly accept: (body: Buffer, source: LogSource) => { readonly status: number };
}

export interface DataPlane {
  /** Not listening yet. */
  readonly server: Server;
}

/** 1 MiB: http-logger's batches are far below, and a question has no body of its own. */
const maxBodyBytes = 1_048_576;

const authPath = '/api/auth';
const namedAuthPath = '/api/auth/';

/** The listener that the gateway asks: node:http with hand-written dispatch (docs/adr says why). */
export function createDataPlane(options: DataPlaneOptions, deps: DataPlaneDeps): DataPlane {
  const sendAllow = createAllowSender();
  const denials = createDenialRenderer();
  const { log } = deps;

  function handle(req: QuestionRequest, res: ServerResponse): void {
    const path = pathOf(req.url ?? '');
    try {
      if (path === authPath) ask(req, res, undefined);
      else if (isNamedAuthPath(path)) ask(req, res, path.slice(namedAuthPath.length));
      else handleOther(req, res, path);
    } catch (error) {
      fail(res, error);
    }
  }

  function handleOther(req: QuestionRequest, res: ServerResponse, path: string): void {
    // Nobody reads these bodies; a connection with the rest of one is not used again.
    if (path !== '/api/logs' && hasBody(req.headers)) res.shouldKeepAlive = false;
    switch (path) {
      case '/api/logs':
        if (req.method !== 'POST') refuseMethod(res, 'POST');
        else void takeLogs(req, res);
        break;
      case '/api/token/self':
        if (req.method !== 'GET') refuseMethod(res, 'GET');
        else void describe(req, res).catch((error: unknown) => fail(res, error));
        break;
      default:
        if (!answerHealth(req, res, path, deps.readiness)) sendProblem(res, 'not_found');
    }
  }

  function ask(req: QuestionRequest, res: ServerResponse, upstream: string | undefined): void {
    if (req.method !== 'GET' && req.method !== 'POST') {
      refuseMethod(res, 'GET, POST');
      return;
    }
    const question = readQuestion(req, upstream);
    if (hasBody(question.headers)) void askAfterBody(req, res, question).catch((error: unknown) => fail(res, error));
    else askNow(res, question);
  }

  /** POST mode of forward-auth sends the client's body; it says nothing about who may do what. */
  async function askAfterBody(req: QuestionRequest, res: ServerResponse, question: Question): Promise<void> {
    const body = await readBody(req, maxBodyBytes, false);
    if (body.kind === 'whole') askNow(res, question);
    else if (body.kind === 'too_large') {
      res.shouldKeepAlive = false;
      sendProblem(res, 'payload_too_large');
    }
  }

  function askNow(res: ServerResponse, question: Question): void {
    const decision = deps.decide(question);
    if (decision instanceof Promise) {
      decision.then(
        (later) => answer(res, later),
        (error: unknown) => fail(res, error),
      );
    } else answer(res, decision);
  }

  function answer(res: ServerResponse, decision: Decision): void {
    if (options.logDecisions === true) logDecision(log, decision);
    const { decisionId, upstream, refusal } = decision.deliberation;
    if (decision.outcome === 'deny') {
      const { code, retryAfterMs } = decision;
      const denial = denials.render(code, upstream?.preset.denialBodies, retryAfterMs);
      sendDenial(res, refusal === undefined ? denial : withLimit(denial, refusal), decisionId);
      return;
    }
    try {
      sendAllow(res, decision);
    } catch (error) {
      fail(res, error, decision);
    }
  }

  /** Never an allow: what failed here is answered as a fault, whoever asked. */
  function fail(res: ServerResponse, error: unknown, decision?: Decision): void {
    const decisionId = decision?.deliberation.decisionId ?? '';
    log.error('answer_failed', { decision: decisionId, error });
    if (res.headersSent) {
      res.destroy();
      return;
    }
    const bodies = decision?.deliberation.upstream?.preset.denialBodies;
    res.shouldKeepAlive = false;
    sendDenial(res, denials.render('internal_error', bodies, 0), decisionId);
  }

  async function describe(req: QuestionRequest, res: ServerResponse): Promise<void> {
    const description = await deps.describeToken(readQuestion(req, undefined));
    if ('deny' in description) sendDenial(res, denials.render(description.deny, undefined, 0), '');
    else sendJson(res, 200, description);
  }

  /** The body of the answer is always empty: APISIX writes it into its error log. */
  async function takeLogs(req: QuestionRequest, res: ServerResponse): Promise<void> {
    const source = deps.logs.identify(req.headers.authorization);
    const leave = source && deps.logs.admit(Math.min(Number(req.headers['content-length'] ?? Infinity), maxBodyBytes));
    // A refused body is read all the same, but not kept: a connection reset would hide the status from the gateway.
    const body = await readBody(req, maxBodyBytes, leave !== undefined);
    leave?.();
    if (body.kind === 'gone') return;
    if (body.kind === 'too_large') res.shouldKeepAlive = false;
    if (source === undefined) sendEmpty(res, 401, ['www-authenticate', 'Bearer realm="credentialflow-logs"']);
    else if (body.kind === 'too_large') sendEmpty(res, 413);
    else if (leave === undefined) sendEmpty(res, 503);
    else sendEmpty(res, statusOfBatch(body.bytes, source));
  }

  function statusOfBatch(bytes: Buffer, source: LogSource): number {
    try {
      return deps.logs.accept(bytes, source).status;
    } catch (error) {
      log.error('log_batch_failed', { error });
      return 500;
    }
  }

  return { server: createHardenedServer(handle, createQuestionRequest(), { makeServer: options.makeServer }) };
}

/** Ids of upstreams need no escapes: a path with one is not of ours. */
function isNamedAuthPath(path: string): boolean {
  return path.startsWith(namedAuthPath) && path.length > namedAuthPath.length && !path.includes('%');
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function logDecision(log: Log, decision: Decision): void {
  const d = decision.deliberation;
  log.debug('decision', {
    decision: d.decisionId,
    outcome: decision.outcome,
    reason: decision.outcome === 'allow' ? 'allow' : decision.code,
    gateway: d.gateway?.id,
    upstream: d.upstream?.id,
    method: d.method,
    consumer: d.consumerId,
    token_id: d.tokenId,
    policy: d.policyId,
    credential: d.credential?.credentialId,
    request_id: d.requestId,
    trace_id: traceIdOf(d.question.headers['traceparent']),
  });
}
