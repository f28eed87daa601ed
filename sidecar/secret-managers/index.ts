import type { SecretManager } from '../core/ports.ts';
import type { SecretReference } from '../core/resources.ts';
import { env } from './env.ts';
import { file } from './file.ts';
import { sealed } from './sealed.ts';
import type { SecretManagerDeps, SecretManagerKind } from './secret-manager-kind.ts';

/** Every place a secret may come from. A new one is its file and its line here. */
const kinds: ReadonlyMap<string, SecretManagerKind> = new Map([env, file, sealed].map((kind) => [kind.kind, kind]));

/** What is wrong with a reference, without resolving it; empty: nothing. Never repeats a value. */
export function checkSecretReference(reference: SecretReference): readonly string[] {
  const kind = kinds.get(reference.from);
  if (kind === undefined) return [`"from" must be one of ${[...kinds.keys()].join(', ')}`];
  return kind.check(reference);
}

export function createSecretManagers(deps: SecretManagerDeps): ReadonlyMap<string, SecretManager> {
  return new Map([...kinds].map(([name, kind]) => [name, kind.create(deps)]));
}
