/** What one check of the doctor says. Holds neither the canary nor a token. */
export interface Finding {
  /** Stable; docs/apisix-integration.md lists them. */
  readonly check: string;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  /** What was proved, what went wrong, or why it was not looked at. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, outcome: 'ok', message };
}

export function failed(check: string, message: string, fix: string): Finding {
  return { check, outcome: 'failed', message, fix };
}

export function skipped(check: string, why: string): Finding {
  return { check, outcome: 'skipped', message: why };
}
