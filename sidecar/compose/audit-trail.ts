import { createAudit, type Audit } from '../audit/audit.ts';
import { createAuditSink } from '../audit/index.ts';
import type { Config } from '../config/config.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { CleanUp } from './clean-up.ts';

/** Where decisions, and what happens beside them, are recorded. */
export function createAuditTrail(
  config: Config,
  deps: {
    readonly auditPath: string;
    readonly metrics: Metrics;
    readonly clock: Clock;
    readonly log: Log;
    readonly cleanUp: CleanUp;
  },
): Audit {
  const { auditPath, metrics, clock, log, cleanUp } = deps;
  const sink = createAuditSink(config.audit.sink, { ...config.audit, path: auditPath }, { stdout: process.stdout });
  const audit = createAudit(config.audit, { sink, clock, log, observe: metrics.auditRecords });
  cleanUp.add(() => audit.close());
  return audit;
}
