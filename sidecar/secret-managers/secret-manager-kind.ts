import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log, SecretManager } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';

export interface SecretManagerDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Opens a sealed value for the resource it is bound to; rejects with `secret_invalid`. */
  readonly open: (sealed: string, binding: string) => Promise<Secret>;
}

/** One kind of secret manager. `check` needs no dependencies, so that files can be validated offline. */
export interface SecretManagerKind {
  readonly kind: string;
  readonly check: SecretManager['check'];
  readonly create: (deps: SecretManagerDeps) => SecretManager;
}

/** Problems of a reference whose only option is the text `option`. */
export function checkSingleOption(
  reference: Readonly<Record<string, unknown>>,
  option: string,
  isValid: (value: string) => boolean,
  expected: string,
): readonly string[] {
  const problems = Object.keys(reference)
    .filter((key) => key !== 'from' && key !== option)
    .map((key) => `"${key}" is not an option here; "${option}" is`);
  const value = reference[option];
  if (typeof value !== 'string' || !isValid(value)) problems.push(`"${option}" must be ${expected}`);
  return problems;
}

/** What was read from `place`: not empty, and without bytes that no header may carry. The message names the place only. */
export function requireUsable(text: string, place: string): Secret {
  if (text.trim() === '') throw new CredentialFlowError('secret_invalid', `${place} is empty`);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) {
      const kind =
        code === 0x0a || code === 0x0d
          ? 'a line break'
          : code > 0xff
            ? 'a character outside Latin-1'
            : 'a control character';
      throw new CredentialFlowError('secret_invalid', `${place} has ${kind}, which no header may carry`);
    }
  }
  return new Secret(text);
}
