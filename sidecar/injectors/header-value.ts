import { CredentialFlowError } from '../core/error.ts';

/** RFC 9110, section 5.5: visible characters, space, tab and obs-text; no line break can split a header in two. */
export function requireHeaderValue(secret: string): string {
  if (/^[ \t]*$/.test(secret)) throw new CredentialFlowError('secret_invalid', 'the secret is empty');
  for (let i = 0; i < secret.length; i++) {
    const code = secret.charCodeAt(i);
    const problem = problemOf(code);
    if (problem !== undefined) throw new CredentialFlowError('secret_invalid', `the secret has ${problem}`);
  }
  if (secret !== secret.trim()) {
    throw new CredentialFlowError('secret_invalid', 'the secret starts or ends with white space');
  }
  return secret;
}

function problemOf(code: number): string | undefined {
  if (code === 0x0a || code === 0x0d) return 'a line break, which no header may carry';
  if (code === 0) return 'a NUL byte, which no header may carry';
  if ((code < 0x20 && code !== 0x09) || code === 0x7f) return 'a control character, which no header may carry';
  if (code > 0xff) return 'a character outside Latin-1, which no header may carry';
  return undefined;
}
