import { CredentialFlowError } from '../core/error.ts';
import { requireHeaderValue } from './header-value.ts';
import { unknownOptions, type InjectorKind } from './injector-kind.ts';

/**
 * RFC 7617. `{ kind: basic, username: svc }`: the secret is the password; without `username` the secret is
 * `user:password` itself.
 */
export const basic: InjectorKind = {
  kind: 'basic',
  check(spec) {
    const problems = [...unknownOptions(spec, ['username'])];
    const { username } = spec;
    if (username === undefined) return problems;
    // A colon would move the border between name and password.
    if (typeof username !== 'string' || username === '' || !/^[\x20-\x39\x3b-\x7e]+$/.test(username)) {
      problems.push('"username" must be text of printable ASCII characters without a colon');
    }
    return problems;
  },
  create({ username }) {
    return {
      kind: 'basic',
      headers: ['authorization'],
      inject(secret) {
        const checked = requireHeaderValue(secret);
        if (username === undefined && !checked.includes(':')) {
          throw new CredentialFlowError('secret_invalid', 'the secret is not of the form user:password');
        }
        const pair = typeof username === 'string' ? `${username}:${checked}` : checked;
        return ['authorization', `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`];
      },
    };
  },
};
