import { resolve } from 'node:path';
import type { Asked } from '../policies/explainer.ts';
import type { AdminApi } from './admin-api.ts';
import type { PolicyWorld } from './policy-world.ts';
import { readFile } from './read-file.ts';

/** A decision as the audit writes it, or as a sidecar remembers it. */
export interface PastDecision {
  /** Its id. */
  readonly decision?: string;
  readonly time: string;
  readonly outcome: 'allow' | 'deny';
  readonly code?: string;
  readonly upstream: string;
  readonly method: string;
  readonly path: string;
  readonly consumer: string;
  readonly token?: string;
  readonly policy?: string;
  /** Only a sidecar remembers these. */
  readonly rewritten?: boolean;
  readonly scopes?: readonly string[] | null;
  /** Of a token of another issuer. */
  readonly issuer?: string;
  readonly token_groups?: readonly string[] | null;
  readonly token_scopes?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Of audit files, in whatever order they are named: oldest first, each decision once, so that files that rotate meanwhile
 * are no trouble. Without files: the last ones of the sidecar. Only those that came as far as the policies.
 */
export async function pastDecisions(
  audit: readonly string[] | undefined,
  cwd: string,
  api: AdminApi | undefined,
): Promise<readonly PastDecision[]> {
  if (audit !== undefined) return inOrder(audit.flatMap((file) => decisionsIn(readFile(resolve(cwd, file), file))));
  if (api === undefined) return [];
  const query = { limit: '10000' };
  const { items } = (await api.call({ method: 'GET', path: '/decisions', query })) as { items: readonly unknown[] };
  return items.filter(isDecision).filter(reachedPolicies);
}

function decisionsIn(text: string): readonly PastDecision[] {
  return text.split('\n').map(parseLine).filter(isDecision).filter(reachedPolicies);
}

function inOrder(decisions: readonly PastDecision[]): readonly PastDecision[] {
  const seen = new Set<string>();
  const once = decisions.filter(({ decision }) => {
    if (decision === undefined) return true;
    const isNew = !seen.has(decision);
    seen.add(decision);
    return isNew;
  });
  return once.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function reachedPolicies({ outcome, code = '' }: PastDecision): boolean {
  return outcome === 'allow' || /^(policy|limit|credential)_/.test(code);
}

/** Whether the policies let it pass, whatever came afterwards. */
export function wasAllowed({ outcome, code = '' }: PastDecision): boolean {
  return outcome === 'allow' || !code.startsWith('policy_');
}

/** The audit does not say whether a route rewrites: then the path lacks the upstream's prefix. */
export function askedAgain(past: PastDecision, world: PolicyWorld): Asked {
  const { upstream, method, path, consumer, token, headers = {}, scopes, issuer } = past;
  const prefix =
    world
      .upstream(upstream)
      ?.prefix.map((segment) => `/${segment}`)
      .join('') ?? '';
  const rewritten = past.rewritten ?? !(path === prefix || path.startsWith(`${prefix}/`));
  return {
    upstream,
    method,
    uri: path,
    upstreamUri: rewritten ? path : undefined,
    headers,
    nowMs: Date.parse(past.time),
    who: {
      consumer,
      tokenId: token,
      ...(scopes === null || scopes === undefined ? {} : { scopes }),
      ...(issuer === undefined
        ? {}
        : { issued: { issuer, groups: past.token_groups ?? [], scopes: past.token_scopes ?? [] } }),
    },
  };
}

/** Whether the groups that another issuer's token gave are not kept: who it was for, nobody can tell. */
export function lacksGroups({ token = '', issuer, token_groups: groups }: PastDecision): boolean {
  return issuer === undefined ? token.startsWith('jwt_') : !Array.isArray(groups);
}

/** A line that was cut off by a kill is no decision. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isDecision(value: unknown): value is PastDecision {
  if (typeof value !== 'object' || value === null) return false;
  const texts = ['time', 'outcome', 'upstream', 'method', 'path', 'consumer'] as const;
  const read = value as Readonly<Record<string, unknown>>;
  return texts.every((name) => typeof read[name] === 'string' && read[name] !== '');
}
