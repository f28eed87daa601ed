import { consumerHeader, credentialHeader } from '../core/preset.ts';
import type { CredentialVersion, UpstreamEntry } from '../core/snapshot.ts';
import { judgeProbe, type ProbeAnswer, type Verdict } from './judge-probe.ts';

/** A credential version as the snapshot of now has it. */
export interface PooledCredential {
  readonly upstream: UpstreamEntry;
  readonly version: CredentialVersion;
}

export interface ProberDeps {
  /** Rejects where no whole answer came in time. Must not follow redirects: the key would travel along. */
  readonly request: (request: {
    readonly method: 'GET' | 'POST';
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  }) => Promise<ProbeAnswer>;
  readonly now: () => number;
  readonly observe: (upstream: string, verdict: Verdict['kind']) => void;
}

export const canBeProbed = ({ upstream, version }: PooledCredential): boolean =>
  upstream.preset.probe.needsKey && !upstream.disabled && version.headers !== undefined && version.credentialId !== '';

/** Asks the upstream itself, with the credential as a client's request would carry it. Never rejects. */
export async function probe(credential: PooledCredential, deps: ProberDeps): Promise<Verdict> {
  const { upstream } = credential;
  const { method, path } = upstream.preset.probe;
  let verdict: Verdict;
  try {
    const answer = await deps.request({ method, url: upstream.baseUrl + path, headers: headersOf(credential) });
    verdict = judgeProbe(upstream.preset, answer, deps.now());
  } catch {
    verdict = { kind: 'unsure' };
  }
  deps.observe(upstream.id, verdict.kind);
  return verdict;
}

/** What an allow would put into the request: the secret and what the credential pins; nothing for the gateway. */
function headersOf({ upstream, version }: PooledCredential): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { accept: 'application/json', ...upstream.preset.probe.headers };
  const flat = version.headers?.reveal() ?? [];
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] ?? '';
    const value = flat[i + 1] ?? '';
    if (value !== '' && name !== credentialHeader && name !== consumerHeader) headers[name] = value;
  }
  return headers;
}
