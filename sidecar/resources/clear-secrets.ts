import type { Report } from './report.ts';

/** Our own tokens in clear (token-validators/opaque.ts has the exact form; this is the form a scanner looks for). */
const ownToken = /(?:^|[^A-Za-z0-9])cf_[A-Za-z0-9]{1,32}_[A-Za-z0-9_-]{20,}/;

/** The providers' keys as their own secret scanners know them. */
const providerKeys = [
  /(?:^|[^A-Za-z0-9])sk[-_][A-Za-z0-9_-]{8,}/,
  /(?:^|[^A-Za-z0-9])AIza[A-Za-z0-9_-]{35}/,
  /(?:^|[^A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?:$|[^A-Z0-9])/,
  /(?:^|[^A-Za-z0-9])(?:ghp|gho|ghs|github_pat)_[A-Za-z0-9_]{20,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
];

/** Fields that hold ids: `sk-` may begin the name of a team, and an id in clear opens nothing. */
const idFields = new Set(['id', 'consumer', 'consumers', 'groups', 'upstream', 'upstreams', 'routes', 'paths']);

/** Reports every text of a document that is a token or looks like a provider's key. */
export function reportClearSecrets(value: unknown, report: Report): void {
  scan(value, [], '', report);
}

function scan(value: unknown, path: readonly PropertyKey[], field: string, report: Report): void {
  if (typeof value === 'string') {
    const problem = problemOf(value, field);
    if (problem !== undefined) report(path, problem, { fix: fixFor(problem) });
    return;
  }
  if (Array.isArray(value)) {
    for (const [i, entry] of value.entries()) scan(entry, [...path, i], field, report);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const sealed = 'from' in value && value.from === 'sealed';
  for (const [key, child] of Object.entries(value)) {
    if (problemOf(key, '') !== undefined) report(path, 'has a key that looks like a secret in clear');
    // A sealed value is ciphertext: any letters may turn up in it.
    else if (!(sealed && key === 'value')) scan(child, [...path, key], key, report);
  }
}

const clearToken = 'is a token in clear: only its SHA-256 may be here';
const clearKey = "looks like a provider's key in clear: give a reference";

function problemOf(text: string, field: string): string | undefined {
  if (text.length < 11) return undefined;
  if (ownToken.test(text)) return clearToken;
  return !idFields.has(field) && providerKeys.some((pattern) => pattern.test(text)) ? clearKey : undefined;
}

function fixFor(problem: string): string {
  return problem === clearToken
    ? 'revoke it, then use `credentialflow token new`'
    : 'replace that key at the provider, then use { from: env|file|sealed, … }';
}
