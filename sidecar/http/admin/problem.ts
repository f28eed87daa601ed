import type { ErrorRequestHandler, Response } from 'express';
import { CredentialFlowError } from '../../core/error.ts';
import type { Problem } from '../../core/error.ts';
import type { ErrorCode } from '../../core/codes.ts';
import type { Log } from '../../core/ports.ts';
import { requestIdOf } from './request-context.ts';

/** An error's answer (RFC 9457). `code` and `fix` come from the error table. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: ErrorCode;
  readonly fix: string;
  readonly errors: readonly Problem[];
  readonly request_id: string;
}

/** A refusal of the caller's own input, with the place in it. */
export function refuse(code: ErrorCode, message: string, place: { path?: string; fix?: string } = {}): never {
  throw new CredentialFlowError(code, message, { problems: [{ severity: 'error', message, ...place }] });
}

/**
 * The last handler. What a CredentialFlowError says about the caller's own input is shown; of faults (5xx) and of
 * everything unexpected only the table's text is.
 */
export function answerErrors(deps: { readonly log: Log }): ErrorRequestHandler {
  return (thrown: unknown, _req, res, next) => {
    if (res.headersSent) {
      next(thrown);
      return;
    }
    const error = asKnown(thrown);
    const { status } = error.row;
    if (status >= 500) {
      deps.log.error('admin_request_failed', { request_id: requestIdOf(res), code: error.code, error: thrown });
    }
    sendProblem(res, error);
  };
}

export function sendProblem(res: Response, error: CredentialFlowError): void {
  const { status, message, fix } = error.row;
  const detail = status < 500 && error.message !== message ? { detail: error.message } : {};
  const body: ProblemBody = {
    type: `urn:credentialflow:error:${error.code}`,
    title: message,
    status,
    ...detail,
    code: error.code,
    fix,
    errors: error.problems,
    request_id: requestIdOf(res),
  };
  if (status === 401) res.setHeader('www-authenticate', 'Bearer realm="credentialflow-admin"');
  res.status(status).type('application/problem+json').send(JSON.stringify(body));
}

function asKnown(thrown: unknown): CredentialFlowError {
  if (thrown instanceof CredentialFlowError) return thrown;
  return fromBodyParser(thrown) ?? new CredentialFlowError('internal', undefined, { cause: thrown });
}

/** Express and its body parsers throw errors with `status` and `type`; their messages may quote the body. */
function fromBodyParser(thrown: unknown): CredentialFlowError | undefined {
  if (!(thrown instanceof Error) || !('status' in thrown) || typeof thrown.status !== 'number') return undefined;
  if (thrown.status < 400 || thrown.status > 499) return undefined;
  const type = 'type' in thrown && typeof thrown.type === 'string' ? thrown.type : '';
  if (type === 'entity.too.large') return new CredentialFlowError('payload_too_large');
  const message = bodyMessages[type] ?? 'the request cannot be read';
  return new CredentialFlowError('bad_request', message, { problems: [{ severity: 'error', message }] });
}

const bodyMessages: Readonly<Record<string, string>> = {
  'entity.parse.failed': 'the body is not valid JSON',
  'encoding.unsupported': 'the content-encoding is not supported: send the body as it is',
  'charset.unsupported': 'the charset is not supported: send UTF-8',
  'request.aborted': 'the body ended early',
  'request.size.invalid': 'the body is not as long as content-length says',
};
