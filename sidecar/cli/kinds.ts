import { usageFailure } from './failure.ts';

/** How the kinds are called in the paths of the admin API. */
const collections = [
  'gateways',
  'upstreams',
  'credentials',
  'consumers',
  'groups',
  'issuers',
  'policies',
  'limits',
  'revocations',
] as const;

export const kindsHelp = 'gateway, upstream, credential, consumer, group, issuer, policy, limit or revocation';

/** `upstream` or `upstreams` → `upstreams`. */
export function collectionOf(kind: string): string {
  const wanted = kind.toLowerCase();
  const found = collections.find((name) => name === wanted || singularOf(name) === wanted);
  if (/^tokens?$/.test(wanted))
    throw usageFailure('tokens have commands of their own', 'such as `credentialflow token list`');
  if (found === undefined) throw usageFailure(`${JSON.stringify(kind)} is no kind of resource`, `use ${kindsHelp}`);
  return found;
}

export function singularOf(collection: string): string {
  return collection === 'policies' ? 'policy' : collection.replace(/s$/, '');
}
