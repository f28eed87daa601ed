import { denialTable, type CodeRow, type DenialCode } from '../core/codes.ts';
import type { DenialBodies } from '../core/preset.ts';
import { renderTemplate } from './denial-template.ts';

/** What goes over the wire for a denial, whoever asked and whatever was asked: nothing of the request is in it. */
export interface DenialAnswer {
  readonly status: number;
  /** Flat list name, value, …; all but the decision's id. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface DenialRenderer {
  /** `bodies`: of the upstream's preset; undefined while the upstream is not known. `retryAfterMs` 0: the code's own. */
  render(code: DenialCode, bodies: DenialBodies | undefined, retryAfterMs: number): DenialAnswer;
}

const realm = 'Bearer realm="credentialflow"';

/** Shape of a denial before the upstream is known: the one that most SDKs read a message from. */
const bodiesOfNobody: DenialBodies = {
  default: { error: { message: '{message}', type: 'credentialflow_error', param: null, code: '{code}' } },
  byStatus: {},
};

/** A 503 that asking again does not cure: somebody has to configure something. */
const lasting: ReadonlySet<DenialCode> = new Set(['credential_missing', 'credential_dead']);

/** When to ask again where the decision does not say; milliseconds. */
const defaultRetryAfterMs = 1_000;

/** RFC 6750, section 3.1. No code where no token was presented, and none where it is the gateway that failed. */
const bearerErrors: Readonly<Partial<Record<DenialCode, 'invalid_request' | 'invalid_token'>>> = {
  token_in_query: 'invalid_request',
  token_conflict: 'invalid_request',
  token_malformed: 'invalid_token',
  token_unknown: 'invalid_token',
  token_not_yet_valid: 'invalid_token',
  token_expired: 'invalid_token',
  token_revoked: 'invalid_token',
  token_too_large: 'invalid_token',
  token_header_refused: 'invalid_token',
  token_algorithm_refused: 'invalid_token',
  token_type_refused: 'invalid_token',
  token_key_unknown: 'invalid_token',
  token_signature_invalid: 'invalid_token',
  token_audience_wrong: 'invalid_token',
  token_too_old: 'invalid_token',
  token_claims_refused: 'invalid_token',
  token_inactive: 'invalid_token',
  token_bound: 'invalid_token',
  issuer_unknown: 'invalid_token',
  issuer_disabled: 'invalid_token',
  consumer_unknown: 'invalid_token',
};

/** Every answer is laid out once per preset, code and retry time of the table, and sent as it is from then on. */
export function createDenialRenderer(): DenialRenderer {
  const byBodies = new WeakMap<DenialBodies, Map<DenialCode, DenialAnswer>>();

  function layOut(code: DenialCode, bodies: DenialBodies): DenialAnswer {
    const row: CodeRow = denialTable[code];
    const text = JSON.stringify(
      renderTemplate(templateFor(row.status, bodies), { status: row.status, code, message: row.message }),
    );
    return { status: row.status, headers: fixedHeaders(code, row, Buffer.byteLength(text)), body: text };
  }

  function answersFor(bodies: DenialBodies): Map<DenialCode, DenialAnswer> {
    const known = byBodies.get(bodies);
    if (known !== undefined) return known;
    const answers = new Map<DenialCode, DenialAnswer>();
    byBodies.set(bodies, answers);
    return answers;
  }

  return {
    render(code, bodies = bodiesOfNobody, retryAfterMs) {
      const answers = answersFor(bodies);
      let answer = answers.get(code);
      if (answer === undefined) answers.set(code, (answer = layOut(code, bodies)));
      if (!mayRetry(code, answer.status)) return answer;
      return { ...answer, headers: [...answer.headers, ...retryHeaders(retryAfterMs)] };
    },
  };
}

function templateFor(status: CodeRow['status'], bodies: DenialBodies): DenialBodies['default'] {
  const byStatus: Readonly<Partial<Record<string, DenialBodies['default']>>> = bodies.byStatus;
  return byStatus[String(status)] ?? bodies.default;
}

function fixedHeaders(code: DenialCode, row: CodeRow, bytes: number): readonly string[] {
  return [
    'content-type',
    'application/json',
    'content-length',
    String(bytes),
    'cache-control',
    'no-store',
    'x-should-retry',
    String(mayRetry(code, row.status)),
    ...(row.status === 401 ? ['www-authenticate', challenge(code, row.message)] : []),
  ];
}

function challenge(code: DenialCode, message: string): string {
  const error = bearerErrors[code];
  // error_description may hold neither quotes nor backslashes (RFC 6750, section 3).
  return error === undefined
    ? realm
    : `${realm}, error="${error}", error_description="${message.replaceAll(/["\\]|[^ -~]/g, "'")}"`;
}

function mayRetry(code: DenialCode, status: number): boolean {
  return (status === 429 || status === 503) && !lasting.has(code);
}

function retryHeaders(retryAfterMs: number): readonly string[] {
  const ms = Math.ceil(retryAfterMs > 0 ? retryAfterMs : defaultRetryAfterMs);
  return ['retry-after', String(Math.ceil(ms / 1_000)), 'retry-after-ms', String(ms)];
}
