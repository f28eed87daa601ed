import { readPath } from '../../sidecar/core/path.ts';
import type { RuleQuestion } from '../../sidecar/core/rule-index.ts';
import { subjectsOfConsumer } from '../../sidecar/policies/compile.ts';

interface Asked extends Partial<Omit<RuleQuestion, 'sent' | 'segments' | 'lenientSegments' | 'subjects'>> {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly conflicting?: readonly string[];
}

/** What policies are asked about, without a decision around it: consumer `team`, POST /v1/chat. */
export function askedOf({ path = '/v1/chat', headers = {}, conflicting = [], ...rest }: Asked = {}): RuleQuestion {
  const judged = readPath(path, false);
  if (judged === undefined) throw new RangeError(`the path ${path} is ambiguous`);
  const { groups = [], labels = {} } = rest;
  return {
    consumerId: 'team',
    owner: '',
    token: undefined,
    policies: undefined,
    method: 'POST',
    target: path,
    nowMs: Date.parse('2026-11-23T12:00:00Z'),
    ...rest,
    groups,
    labels,
    subjects: subjectsOfConsumer(groups, labels),
    ...judged,
    sent: { headers, conflicting },
  };
}
