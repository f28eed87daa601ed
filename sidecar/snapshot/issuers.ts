import { parseClaimPath, parseClaimTemplate } from '../core/claims.ts';
import type { ResourceRecordOf } from '../core/resources.ts';
import type { IssuerEntry, SnapshotProblem } from '../core/snapshot.ts';
import type { Sharing } from './sharing.ts';

export interface IssuersDeps {
  readonly sharing: Sharing;
  readonly subjectsOfConsumer: (
    groups: readonly string[],
    labels: Readonly<Record<string, string>>,
  ) => readonly string[];
}

/**
 * Throws a RangeError for a path or a template that is none. The same resource gives the same entry, in a build from
 * scratch as well: else all that was verified by it would have to be verified again.
 */
export function compileIssuer({ id, spec, disabled }: ResourceRecordOf<'issuer'>, deps: IssuersDeps): IssuerEntry {
  return deps.sharing.of(JSON.stringify(['issuer', id, disabled, spec]), () => ({
    id,
    disabled,
    spec,
    consumer: readable(parseClaimTemplate(spec.consumer), 'consumer'),
    groups: spec.groups.map((text) => readable(parseClaimTemplate(text), 'groups')),
    scopes: spec.scopes.map((text) => readable(parseClaimPath(text), 'scopes')),
    requiredClaims: Object.entries(spec.required_claims).map(([path, oneOf]) => ({
      path: readable(parseClaimPath(path), 'required_claims'),
      oneOf: new Set(oneOf),
    })),
    unlisted: spec.consumers === 'any' ? unlistedOf(id, deps) : undefined,
  }));
}

/** What policies can name consumers by that are no resources: the label of their issuer, and groups of their claims. */
function unlistedOf(issuer: string, { subjectsOfConsumer }: IssuersDeps): IssuerEntry['unlisted'] {
  const labels = { issuer };
  return {
    disabled: false,
    owner: '',
    groups: [],
    allGroups: [],
    groupsKnown: true,
    labels,
    subjects: subjectsOfConsumer([], labels),
  };
}

function readable<T>(parsed: T | undefined, field: string): T {
  if (parsed === undefined) throw new RangeError(`"${field}" has a path or a template that cannot be read`);
  return parsed;
}

/** An issuer that two resources claim is trusted for neither: a wrong guess would be a wrong consumer. */
export function indexByIssuer(issuers: Iterable<IssuerEntry>): {
  readonly byIssuer: ReadonlyMap<string, IssuerEntry>;
  readonly problems: readonly SnapshotProblem[];
} {
  const claims = new Map<string, IssuerEntry[]>();
  for (const entry of issuers) {
    const claimants = claims.get(entry.spec.issuer);
    if (claimants === undefined) claims.set(entry.spec.issuer, [entry]);
    else claimants.push(entry);
  }
  const byIssuer = new Map<string, IssuerEntry>();
  const problems: SnapshotProblem[] = [];
  const forOpaque: string[] = [];
  for (const [issuer, claimants] of claims) {
    const [first] = claimants;
    if (claimants.length === 1 && first !== undefined) {
      byIssuer.set(issuer, first);
      continue;
    }
    const message = 'its "issuer" is that of another one as well: tokens of both are refused';
    for (const { id } of claimants) problems.push({ kind: 'issuer', id, message });
  }
  for (const { id, disabled, spec } of byIssuer.values()) {
    if (!disabled && spec.introspection?.opaque_tokens === true) forOpaque.push(id);
  }
  const severalOpaque = 'it is one of several with opaque_tokens: such tokens are refused';
  if (forOpaque.length > 1) for (const id of forOpaque) problems.push({ kind: 'issuer', id, message: severalOpaque });
  return { byIssuer, problems };
}
