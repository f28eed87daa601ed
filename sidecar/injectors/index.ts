import { CredentialFlowError } from '../core/error.ts';
import type { Injector } from '../core/ports.ts';
import type { InjectionSpec } from '../core/resources.ts';
import { basic } from './basic.ts';
import { header } from './header.ts';
import type { InjectorKind } from './injector-kind.ts';

/** Every way to put a secret into a request. A new one is its file and its line here. */
const kinds: ReadonlyMap<string, InjectorKind> = new Map([header, basic].map((kind) => [kind.kind, kind]));

/** What is wrong with an injection; empty: nothing. */
export function checkInjection(spec: InjectionSpec): readonly string[] {
  const kind = kinds.get(spec.kind);
  if (kind === undefined)
    return [`the injection "${spec.kind}" is not known; known are ${[...kinds.keys()].join(', ')}`];
  return kind.check(spec);
}

/** Throws `resource_invalid` for what {@link checkInjection} refuses. */
export function createInjector(spec: InjectionSpec): Injector {
  const kind = kinds.get(spec.kind);
  const problems = checkInjection(spec);
  if (kind === undefined || problems.length > 0) throw new CredentialFlowError('resource_invalid', problems.join('; '));
  return kind.create(spec);
}
