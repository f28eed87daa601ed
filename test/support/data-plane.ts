/** A listening data plane over the real decision, with scripted tokens, for tests of the edge. */
import type { TestContext } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { Decision, Question } from '../../sidecar/core/decision.ts';
import { describeToken } from '../../sidecar/core/describe-token.ts';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import { createDataPlane, type DataPlaneDeps, type DataPlaneOptions } from '../../sidecar/http/data-plane.ts';
import { listen, type Listener } from '../../sidecar/http/listen.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { deciding, gatewayKey, snapshotOf, usual, type Deciding } from './deciding.ts';
import { recordingLog, type RecordingLog } from './recording-log.ts';

export interface TestDataPlane {
  readonly ctx: Deciding;
  readonly log: RecordingLog;
  readonly questions: Question[];
  readonly batches: string[];
  readonly listener: Listener;
  readonly port: number;
  readonly url: string;
  readiness: { ready: boolean; reasons: string[] };
}

export const logKey = 'log-key-of-at-least-32-characters!';

export interface TestDataPlaneOptions extends DataPlaneOptions {
  readonly records?: readonly ResourceRecord[];
  /** Replaces the real decision. */
  readonly decide?: (question: Question) => Decision | Promise<Decision>;
  readonly deps?: Partial<DataPlaneDeps>;
}

export async function startDataPlane(t: TestContext, options: TestDataPlaneOptions = {}): Promise<TestDataPlane> {
  const ctx = deciding(await snapshotOf(options.records ?? usual()));
  const log = recordingLog();
  const questions: Question[] = [];
  const batches: string[] = [];
  const plane = createDataPlane(options, {
    decide(question) {
      questions.push(question);
      return options.decide === undefined ? decide(question, ctx) : options.decide(question);
    },
    describeToken: (question) => describeToken(question, ctx),
    logs: {
      identify: (authorization) => (authorization === logKey ? { gatewayId: undefined } : undefined),
      admit: () => () => undefined,
      accept(body) {
        batches.push(body.toString());
        return { status: 204 };
      },
    },
    readiness: () => state.readiness,
    log,
    ...options.deps,
  });
  const listener = await listen(plane.server, { kind: 'tcp', host: '127.0.0.1', port: 0 }, {}, { clock: systemClock });
  t.after(() => listener.drain(0));
  const port = Number(listener.address.split(':').at(-1));
  const state: TestDataPlane = {
    ctx,
    log,
    questions,
    batches,
    listener,
    port,
    url: `http://${listener.address}`,
    readiness: { ready: true, reasons: [] },
  };
  return state;
}

/** The question that the usual policies allow. */
export const allowedHeaders: Readonly<Record<string, string>> = {
  'X-CF-Gateway-Key': gatewayKey,
  'X-CF-Route': 'api',
  'X-Forwarded-Method': 'POST',
  'X-Forwarded-Uri': '/api/v1/chat',
  'X-CF-Raw-Uri': '/api/v1/chat',
  authorization: 'Bearer cf_team',
};

/** As it goes over the wire. */
export function rawQuestion(headers: Readonly<Record<string, string>> = {}, line = 'GET /api/auth HTTP/1.1'): string {
  const all = Object.entries({ Host: 'sidecar', ...allowedHeaders, ...headers });
  return `${line}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}
