import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** As the admin API shows it. */
export interface ShownExplanation {
  readonly outcome: 'allow' | 'deny';
  readonly code?: string;
  readonly message: string;
  readonly decided_by: string | null;
  readonly to_allow: readonly string[];
  readonly steps: readonly {
    readonly step: number;
    readonly name: string;
    readonly result: string;
    readonly saw: Readonly<Record<string, unknown>>;
  }[];
  readonly policies: readonly {
    readonly policy: string;
    readonly effect: string;
    readonly shadow: boolean;
    readonly matches: boolean;
    readonly place?: string;
    readonly checks: readonly { readonly check: string; readonly ok: boolean; readonly detail: string }[];
  }[];
  readonly more_policies: number;
  /** Absent: a sidecar of an earlier version. */
  readonly limits?: readonly {
    readonly limit: string;
    readonly measure: string;
    readonly counter: string;
    readonly most: number;
    readonly left: number;
    readonly window_s?: number;
    readonly frees_in_s?: number;
    readonly enforced: boolean;
    readonly by_all: boolean;
  }[];
  readonly credential: { readonly id: string; readonly version: string } | null;
  readonly shadow: { readonly policy: string; readonly effect: string } | null;
}

/** For people: the verdict, the ten steps, the policies, and what would help. */
export function formatExplanation(explanation: ShownExplanation, terminal: Pick<Terminal, 'paintOut'>): string {
  const { outcome, code, message, decided_by: by, steps, policies, credential, shadow } = explanation;
  const bold = (text: string): string => terminal.paintOut('bold', text);
  const verdict = outcome === 'allow' ? terminal.paintOut('green', 'ALLOWED') : terminal.paintOut('red', 'DENIED');
  const lines = [
    `${verdict}${code === undefined ? '' : ` ${code}`}${by === null ? '' : ` by policy ${by}`}: ${message}`,
  ];
  if (credential !== null) lines.push(`It would use credential ${credential.id}, version ${credential.version}.`);
  if (shadow !== null) lines.push(`Policy ${shadow.policy}, in shadow mode, would ${shadow.effect} it.`);
  const stepRows = steps.map(({ step, name, result, saw }) => [String(step), name, result, listed(saw)]);
  lines.push('', formatTable(['', 'STEP', 'RESULT', 'SAW'], stepRows, bold));
  if (policies.length > 0) {
    const rows = policies.map(({ policy, effect, shadow: isShadow, matches, place, checks }) => [
      policy,
      isShadow ? `${effect} (shadow)` : effect,
      matches ? 'matches' : 'no',
      place ?? '-',
      checks.filter(({ ok }) => matches || !ok).map(({ check, detail }) => `${check}: ${detail}`).join('; '), // prettier-ignore
    ]);
    lines.push('', formatTable(['POLICY', 'EFFECT', 'MATCH', 'PLACE', 'WHY'], rows, bold));
    const { more_policies: more } = explanation;
    if (more > 0) lines.push(`and ${more} more that name the consumer`);
  }
  const { limits = [] } = explanation;
  if (limits.length > 0) {
    const rows = limits.map(({ limit, measure, counter, most, left, window_s: window, ...more }) => [
      limit,
      counter,
      `${left} of ${most}`,
      `${measure.replace('_', ' ')}${window === undefined ? ' at once' : ` in ${window} s`}`,
      [
        ...(more.frees_in_s === undefined ? [] : [`some is free again in ${more.frees_in_s} s`]),
        ...(more.enforced ? [] : ['only warns']),
        ...(more.by_all ? [] : ['only what this sidecar counted: the shared counters could not be asked']),
      ].join('; '),
    ]);
    lines.push('', formatTable(['LIMIT', 'COUNTER', 'LEFT', 'OF', ''], rows, bold));
  }
  if (explanation.to_allow.length > 0) {
    lines.push('', bold('To allow it:'), ...explanation.to_allow.map((hint) => `  - ${hint}`));
  }
  return lines.join('\n');
}

function listed(saw: Readonly<Record<string, unknown>>): string {
  return Object.entries(saw)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ');
}
