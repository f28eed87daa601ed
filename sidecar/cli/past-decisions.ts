import { resolve } from 'node:path';
import type { Asked } from '../policies/explainer.ts';
import type { AdminApi } from './admin-api.ts';
import type { PolicyWorld } from './policy-world.ts';
import { readFile } from './read-file.ts';

/** A decision as the audit writes it, or as a sidecar remembers it. */
export interface PastDecision {
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

/** Of an audit file, or the last ones of the sidecar. Only those that came as far as the policies. */
export async function pastDecisions(
  audit: string | undefined,
  cwd: string,
  api: AdminApi | undefined,
): Promise<readonly PastDecision[]> {
  let all: readonly unknown[] = [];
  if (audit !== undefined) all = readFile(resolve(cwd, audit), audit).split('\n').map(parseLine);
  else if (api !== undefined) {
    const query = { limit: '10000' };
    all = ((await api.call({ method: 'GET', path: '/decisions', query })) as { items: readonly unknown[] }).items;
  }
  return all.filter(isDecision).filter(({ outcome, code = '' }) => outcome === 'allow' || /^(policy|limit|credential)_/.test(code)); // prettier-ignore
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
