import assert from 'node:assert/strict';
import { providerWords, startProvider, wholeRequest } from '../gateway/provider.ts';
import type { ProviderKind } from '../gateway/provider.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { startGateway } from '../support/gateway.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';

/** Client → stand-in gateway (with the shipped apisix.yaml) → sidecar process; gateway → local provider. */
export interface Scene {
  /** `http://gateway/<route>`. */
  readonly baseUrl: string;
  readonly provider: ScriptedServer;
  readonly gateway: StandInGateway;
  readonly sidecar: RunningSidecar;
  /** May do everything. */
  readonly token: string;
  /** Known, and allowed nothing. */
  readonly powerlessToken: string;
  /** Genuine, and revoked. */
  readonly revokedToken: string;
  /** The provider got its secret and, anywhere in its requests, nothing of the client's token. */
  assertOnlyTheSecretArrived(): void;
  stop(): Promise<void>;
}

/** What the providers say. */
export const answerText = providerWords.join('');
export const upstreamSecret = 'provider-secret-4d1f9e-that-no-client-knows';

export async function startScene(route: Exclude<ProviderKind, 'echo'>): Promise<Scene> {
  const provider = await startProvider(route, upstreamSecret);
  const sidecar = await startSidecar({
    resources: resourcesOf(route),
    env: { PROVIDER_SECRET: upstreamSecret },
  });
  const gateway = await startGateway(sidecar, { nodes: { [route]: provider.url } });
  const { token } = await sidecar.issueToken('team');
  const powerless = await sidecar.issueToken('powerless');
  const revoked = await sidecar.issueToken('team');
  await sidecar.json(['token', 'revoke', revoked.id]);
  return {
    baseUrl: `${gateway.url}/${route}`,
    provider,
    gateway,
    sidecar,
    token,
    powerlessToken: powerless.token,
    revokedToken: revoked.token,
    assertOnlyTheSecretArrived() {
      assert.ok(provider.received.length > 0, 'the provider received nothing');
      for (const request of provider.received) {
        const whole = wholeRequest(request);
        assert.ok(whole.includes(upstreamSecret), 'the secret did not arrive');
        assert.doesNotMatch(whole, /cf_/, 'something of the client arrived');
        assert.equal(whole.split(upstreamSecret).length, 2, 'the secret arrived more than once');
      }
    },
    async stop() {
      await gateway.stop();
      await sidecar.stop();
      await provider.stop();
    },
  };
}

function resourcesOf(route: string): string {
  return `
upstreams:
  - { id: ${route}, preset: ${route}${route === 'azure-openai' ? ', base_url: "https://your-resource.openai.azure.com"' : ''} }
credentials:
  - { id: main, upstream: ${route}, secret: { from: env, name: PROVIDER_SECRET } }
consumers:
  - { id: team, owner: team@example.com, groups: [callers] }
  - { id: powerless, owner: team@example.com }
policies:
  - { id: callers-may-call, effect: allow, groups: [callers], upstreams: [${route}] }
`;
}
