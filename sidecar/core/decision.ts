import type { DenialCode } from './codes.ts';
import type { Limiter, LimitRefusal } from './limit.ts';
import type { Clock, TokenFacts, TokenValidator } from './ports.ts';
import type { JudgedPath } from './path.ts';
import type { Verdict } from './rule-index.ts';
import type { Secret } from './secret.ts';
import type { HealthView } from './health.ts';
import type { ConsumerEntry, CredentialVersion, GatewayEntry, Snapshot, UpstreamEntry } from './snapshot.ts';

/** What the HTTP edge read off the wire: strings exactly as they came, nothing interpreted. */
export interface Question {
  /** Of `/api/auth/<upstream>`; undefined for `/api/auth`. */
  readonly upstream: string | undefined;
  /** Lower-case name → value; of a repeated header the first. A null-prototype object. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Lower-case names of the headers that came more than once with different values. */
  readonly conflicting: readonly string[];
  /** Address of the peer of the connection; empty for a unix socket. */
  readonly address: string;
}

/** One decision while it is made: each step reads what the earlier ones found and adds its own. */
export interface Deliberation {
  readonly question: Question;
  readonly decisionId: string;
  readonly nowMs: number;
  /** Monotonic, milliseconds. */
  readonly startedAt: number;
  snapshot: Snapshot;
  gateway: GatewayEntry | undefined;
  upstream: UpstreamEntry | undefined;
  method: string;
  requestId: string;
  /** Path and query as the upstream receives them, prefix or base path included. */
  target: string;
  path: JudgedPath | undefined;
  consumer: ConsumerEntry | undefined;
  consumerId: string;
  token: TokenFacts | undefined;
  tokenId: string;
  /** What the token's issuer says it may be used for; undefined: our own tokens, which may what their consumer may. */
  scopes: readonly string[] | undefined;
  policyId: string;
  /** The limit that refuses. */
  refusal: LimitRefusal | undefined;
  /** What a policy in shadow mode would have made of it, where that is something else. */
  shadow: Verdict | undefined;
  credential: CredentialVersion | undefined;
}

export interface Allow {
  readonly outcome: 'allow';
  /** Flat list name, value, … of every slot, steering header, `cfcredential` and `cfconsumer`. */
  readonly headers: Secret<readonly string[]>;
  readonly deliberation: Deliberation;
}

export interface Denial {
  readonly outcome: 'deny';
  readonly code: DenialCode;
  /** When asking again may help; milliseconds; 0: does not apply. */
  readonly retryAfterMs: number;
  readonly deliberation: Deliberation;
}

export type Decision = Allow | Denial;

export interface DecisionContext {
  /** Undefined until the first one is built. */
  readonly snapshot: () => Snapshot | undefined;
  readonly validators: readonly TokenValidator[];
  readonly clock: Clock;
  /** How the credentials fare. */
  readonly health: HealthView;
  /** Hex SHA-256 of a presented gateway key. */
  readonly hashGatewayKey: (key: string) => string;
  /** Milliseconds since the last successful read of changes. */
  readonly stateAgeMs: () => number;
  /** Why nothing may be allowed at the moment (the audit cannot be written); undefined: nothing stands in the way. */
  readonly pausedBy: () => DenialCode | undefined;
  /** Counts what limits count. */
  readonly limiter: Limiter;
  /** Unique, short, not secret. */
  readonly newDecisionId: () => string;
  /** Step 10: metrics and one audit event; must neither throw nor wait. */
  readonly record: (decision: Decision) => void;
  /** Told of what was thrown inside a decision (it becomes `internal_error`). */
  readonly onFault: (error: unknown, decisionId: string) => void;
}
