import { CredentialFlowError } from '../core/error.ts';
import { checkSingleOption, requireUsable, type SecretManagerKind } from './secret-manager-kind.ts';

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `{ from: env, name: OPENAI_API_KEY }`: read once, since a process's environment does not change. */
export const env: SecretManagerKind = {
  kind: 'env',
  check: (reference) =>
    checkSingleOption(reference, 'name', (value) => variableName.test(value), 'the name of an environment variable'),
  create: (deps) => ({
    kind: 'env',
    check: (reference) => env.check(reference),
    resolve(reference) {
      const name = String(reference.name);
      const value = deps.env[name];
      // Not `=== undefined`: process.env has the methods of every object.
      if (typeof value !== 'string') {
        return Promise.reject(new CredentialFlowError('secret_invalid', `the environment variable ${name} is not set`));
      }
      return Promise.try(() => requireUsable(value, `the environment variable ${name}`));
    },
  }),
};
