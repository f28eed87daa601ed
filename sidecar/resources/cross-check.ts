import type { Problem } from '../core/error.ts';
import { commonSteeringHeaders } from '../core/preset.ts';
import { judgeBudget, judgeUpstreams, meteredOf, type Beside, type MeteredUpstream } from './budgets.ts';
import { findGroupCycles } from './group-cycles.ts';
import type { ResourceDeps } from './kind.ts';
import type { ItemOf, ReadItem } from './read-item.ts';

export interface CrossCheckOptions {
  readonly deps: ResourceDeps;
  /** True: the items are all there is, so that a reference to something else is an error, not a warning. */
  readonly complete: boolean;
  /** No token may live longer than until then: milliseconds since 1970. Undefined: no bound. */
  readonly tokensEndByMs?: number | undefined;
  readonly beside: Beside;
}

type Say = (
  severity: Problem['severity'],
  item: ReadItem,
  path: readonly PropertyKey[],
  message: string,
  fix?: string,
) => void;

/** What only shows when the entries are seen together: names used twice, references that lead nowhere. */
export function crossCheck(items: readonly ReadItem[], options: CrossCheckOptions): readonly Problem[] {
  const problems: Problem[] = [];
  const say: Say = (severity, item, path, message, fix) => {
    problems.push({ severity, message, ...(fix === undefined ? {} : { fix }), ...item.place(path) });
  };
  checkUnique(items, say);
  checkReferences(items, options, say);
  checkCredentials(items, options, say);
  checkBudgets(items, options, say);
  checkLives(items, options, say);
  for (const { item, at, through } of findGroupCycles(ofKind(items, 'group'))) {
    say('error', item, ['member_of', at], `closes a circle: ${through.join(' is in ')}`);
  }
  return problems;
}

function ofKind<K extends ReadItem['kind']>(items: readonly ReadItem[], kind: K): readonly ItemOf<K>[] {
  return items.filter((item): item is ItemOf<K> => item.kind === kind);
}

function checkUnique(items: readonly ReadItem[], say: Say): void {
  const first = new Map<string, { readonly item: ReadItem; readonly path: readonly PropertyKey[] }>();
  const claim = (name: string, item: ReadItem, path: readonly PropertyKey[], message: string): void => {
    const earlier = first.get(name);
    if (earlier === undefined) {
      first.set(name, { item, path });
      return;
    }
    const { file, line } = earlier.item.place(earlier.path);
    const where = line === undefined ? undefined : `first in ${file ?? 'the document'}, line ${line}`;
    say('error', item, path, message, where);
  };
  for (const item of items) {
    if (item.kind === 'token') {
      const repeated = first.has(`hash ${item.token.sha256}`);
      claim(`hash ${item.token.sha256}`, item, ['sha256'], 'is the hash of two tokens');
      // One token written twice has one id as well: one problem is enough.
      if (!repeated) claim(`token ${item.id}`, item, ['id'], 'is the id of two tokens');
      continue;
    }
    claim(`${item.kind} ${item.id}`, item, ['id'], `is the id of two ${item.kind} resources`);
    if (item.kind === 'upstream') {
      for (const [i, route] of item.spec.routes.entries()) {
        claim(`route ${route}`, item, ['routes', i], 'is a route of two upstreams: a route belongs to one');
      }
    }
    if (item.kind === 'issuer') {
      claim(`iss ${item.spec.issuer}`, item, ['issuer'], 'is the issuer of two resources: tokens of both are refused');
    }
    if (item.kind === 'gateway') {
      for (const [i, { sha256 }] of item.spec.keys.entries()) {
        claim(`key ${sha256}`, item, ['keys', i, 'sha256'], 'is the key of two gateways');
      }
    }
  }
}

function checkLives(items: readonly ReadItem[], { tokensEndByMs }: CrossCheckOptions, say: Say): void {
  if (tokensEndByMs === undefined) return;
  for (const item of ofKind(items, 'token')) {
    if (item.token.expiresAtMs <= tokensEndByMs) continue;
    const until = new Date(tokensEndByMs).toISOString();
    say('error', item, ['expires_at'], `is after ${until}`, 'choose an earlier end, or raise tokens.max_ttl');
  }
}

function checkReferences(items: readonly ReadItem[], { complete }: CrossCheckOptions, say: Say): void {
  const upstreams = new Set(ofKind(items, 'upstream').map(({ id }) => id));
  const consumers = new Set(ofKind(items, 'consumer').map(({ id }) => id));
  const nested = ofKind(items, 'group');
  const groups = new Set([
    ...ofKind(items, 'consumer').flatMap(({ spec }) => spec.groups),
    ...nested.flatMap(({ spec }) => spec.member_of),
  ]);
  const policies = new Set(ofKind(items, 'policy').map(({ id }) => id));
  const issuers = new Set(ofKind(items, 'issuer').map(({ id }) => id));
  // Claims bring groups of their own.
  const openGroups = ofKind(items, 'issuer').some(({ spec }) => spec.groups.length > 0);
  const severity = complete ? 'error' : 'warning';
  const refer = (
    item: ReadItem,
    path: readonly PropertyKey[],
    name: string,
    what: string,
    known: ReadonlySet<string>,
  ): void => {
    if (name === '*' || known.has(name)) return;
    say(severity, item, path, complete ? `names no ${what}` : `names no ${what} of this file`);
  };
  for (const item of items) {
    switch (item.kind) {
      case 'gateway':
        for (const [i, name] of item.spec.upstreams.entries())
          refer(item, ['upstreams', i], name, 'upstream', upstreams);
        break;
      case 'credential':
        refer(item, ['upstream'], item.spec.upstream, 'upstream', upstreams);
        break;
      case 'limit':
      case 'policy':
        for (const [i, name] of item.spec.upstreams.entries())
          refer(item, ['upstreams', i], name, 'upstream', upstreams);
        for (const [i, name] of item.spec.consumers.entries())
          refer(item, ['consumers', i], name, 'consumer', consumers);
        for (const [i, name] of openGroups ? [] : item.spec.groups.entries())
          refer(item, ['groups', i], name, "consumer's group", groups);
        break;
      case 'token':
        refer(item, ['consumer'], item.token.consumer, 'consumer', consumers);
        for (const [i, name] of (item.token.scopes ?? []).entries()) {
          refer(item, ['scopes', i], name, 'policy', policies);
        }
        break;
      case 'revocation':
        refer(item, ['issuer'], item.spec.issuer, 'issuer', issuers);
        break;
      case 'issuer':
        if (item.spec.consumers === 'known' && !item.spec.consumer.includes('${'))
          refer(item, ['consumer'], item.spec.consumer, 'consumer', consumers);
        break;
      case 'upstream':
      case 'consumer':
      case 'group':
        break;
    }
  }
}

/** What the documents take away from budgets that they do not declare. */
export function checkOthersBudgets(items: readonly ReadItem[], beside: Beside): readonly Problem[] {
  const upstreams = new Map(ofKind(items, 'upstream').map((item) => [item.id, item]));
  const limits = new Set(ofKind(items, 'limit').map(({ id }) => id));
  const staying = beside.budgets.filter(({ id }) => !limits.has(id));
  const before = byId([...beside.upstreams, ...beside.going]);
  return judgeUpstreams(before, upstreamsAfter(items, beside), staying).map(({ upstream, ...problem }) => {
    return { ...problem, ...upstreams.get(upstream)?.place(['id']) };
  });
}

function upstreamsAfter(items: readonly ReadItem[], { upstreams }: Beside): ReadonlyMap<string, MeteredUpstream> {
  return byId([...upstreams, ...ofKind(items, 'upstream').map(({ id, spec }) => meteredOf(id, spec))]);
}

function byId(upstreams: readonly MeteredUpstream[]): ReadonlyMap<string, MeteredUpstream> {
  return new Map(upstreams.map((upstream) => [upstream.id, upstream]));
}

function checkBudgets(items: readonly ReadItem[], { beside }: CrossCheckOptions, say: Say): void {
  const known = upstreamsAfter(items, beside);
  for (const item of ofKind(items, 'limit')) {
    for (const { severity, message, fix } of judgeBudget(item.spec, known)) {
      say(severity, item, [item.spec.measure], message, fix);
    }
  }
}

function checkCredentials(items: readonly ReadItem[], { deps, complete }: CrossCheckOptions, say: Say): void {
  const upstreams = new Map(ofKind(items, 'upstream').map((item) => [item.id, item]));
  const served = new Set<string>();
  for (const item of ofKind(items, 'credential')) {
    served.add(item.spec.upstream);
    const upstream = upstreams.get(item.spec.upstream)?.spec;
    const preset = upstream === undefined ? undefined : deps.presets.get(upstream.preset);
    if (upstream === undefined || preset === undefined) continue;
    if (item.spec.secret === undefined && !preset.secretOptional) {
      say('warning', item, ['secret'], 'is missing: the upstream answers 503 until there is one');
    }
    const steering = [...commonSteeringHeaders, ...preset.steeringHeaders, ...upstream.steering_headers];
    const slots = (upstream.token_slots ?? preset.tokenSlots).map(({ header }) => header);
    const injected = deps.injectedHeaders(upstream.injection ?? preset.injection);
    for (const name of Object.keys(item.spec.headers)) {
      const at = ['headers', name];
      if (injected.includes(name)) {
        say('error', item, at, 'is the header that the secret goes into');
      } else if (slots.includes(name)) say('error', item, at, 'is a token slot of the upstream');
      else if (upstream.passthrough.includes(name)) say('error', item, at, 'is passed through by the upstream');
      else if (!steering.includes(name)) {
        say(
          'warning',
          item,
          at,
          'is no steering header of the upstream',
          'list it in steering_headers, or clients can set it',
        );
      }
    }
  }
  if (!complete) return;
  for (const item of upstreams.values()) {
    const optional = deps.presets.get(item.spec.preset)?.secretOptional === true;
    if (!optional && !served.has(item.id))
      say('warning', item, ['id'], 'has no credential: it answers 503 until there is one');
  }
}
