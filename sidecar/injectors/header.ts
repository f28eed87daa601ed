import { consumerHeader, credentialHeader } from '../core/preset.ts';
import type { InjectionSpec } from '../core/resources.ts';
import { requireHeaderValue } from './header-value.ts';
import { unknownOptions, type InjectorKind } from './injector-kind.ts';

/** RFC 9110, section 5.1. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** The gateway builds these itself: a value of ours would have no effect, or break the request; the last two are ours. */
const reserved = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
  'proxy-connection',
  credentialHeader,
  consumerHeader,
]);

/** `{ kind: header, name: x-token, prefix: "Token " }`: the secret, after `prefix` (default none), in one header. */
export const header: InjectorKind = {
  kind: 'header',
  check(spec) {
    const { name, prefix } = spec;
    const problems = [...unknownOptions(spec, ['name', 'prefix'])];
    if (typeof name !== 'string' || !headerName.test(name)) problems.push('"name" must be the name of a header');
    else if (reserved.has(name.toLowerCase())) problems.push(`"name" must not be ${name.toLowerCase()}`);
    if (prefix !== undefined && (typeof prefix !== 'string' || !/^[\x20-\x7e]*$/.test(prefix))) {
      problems.push('"prefix" must be text of printable ASCII characters');
    }
    return problems;
  },
  create(spec: InjectionSpec) {
    const name = String(spec.name).toLowerCase();
    const prefix = typeof spec.prefix === 'string' ? spec.prefix : '';
    return {
      kind: 'header',
      headers: [name],
      inject: (secret) => [name, prefix + requireHeaderValue(secret)],
    };
  },
};
