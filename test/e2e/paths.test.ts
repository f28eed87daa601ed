/**
 * What the policy judged is what the upstream got. Each path is sent through the three modes of the gateway. It is
 * either refused, or: the provider received the expected bytes, a policy that allows exactly that path allows it, and
 * a policy that denies exactly that path denies it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startProvider } from '../gateway/provider.ts';
import { sendRaw } from '../gateway/raw-request.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import type { PathMode } from '../gateway/stand-in/variant.ts';
import { shippedApisixYaml, startGateway } from '../support/gateway.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';
import { pathCorpus } from './path-corpus.ts';
import type { PathCase } from './path-corpus.ts';

const secret = 'provider-secret-of-the-path-tests';
const modes: readonly PathMode[] = ['as-configured', 'no-rewrite', 'raw-path'];
/** The route of a base URL with a path. */
const basePathYaml = shippedApisixYaml().replace("'^/ollama/(.*)', '/$1'", "'^/ollama/(.*)', '/v2/$1'");
const globs = [...new Set(pathCorpus.flatMap((row) => modes.flatMap((mode) => globOf(row, mode) ?? [])))];

let provider: ScriptedServer;
let sidecar: RunningSidecar;
const gateways = new Map<PathMode, StandInGateway>();
const tokens = new Map<string, string>();

before(async () => {
  provider = await startProvider('echo', secret);
  sidecar = await startSidecar({ resources: resources(), env: { PROVIDER_SECRET: secret } });
  const nodes = { generic: provider.url, cohere: provider.url, ollama: provider.url };
  for (const mode of modes) {
    gateways.set(mode, await startGateway(sidecar, { apisixYaml: basePathYaml, nodes, mode }));
  }
  for (const consumer of ['anything', ...globs.flatMap((_, at) => [`only-${at}`, `all-but-${at}`])]) {
    tokens.set(consumer, (await sidecar.issueToken(consumer)).token);
  }
});
after(async () => {
  for (const gateway of gateways.values()) await gateway.stop();
  await sidecar.stop();
  await provider.stop();
});

for (const mode of modes) {
  describe(`paths, ${mode}`, () => {
    for (const row of pathCorpus) {
      const expected = row[mode];
      const glob = globOf(row, mode);
      if (typeof expected === 'number') {
        it(`refuses ${row.raw} with ${expected}`, async () => {
          const before = provider.received.length;
          assert.equal(await send(mode, row, 'anything'), expected);
          assert.equal(provider.received.length, before, 'the provider was reached');
        });
        continue;
      }
      it(`judges ${row.raw} as ${String(glob)}, which the upstream gets`, async () => {
        const at = globs.indexOf(glob ?? '');
        assert.equal(await send(mode, row, 'anything'), 200);
        assert.equal(provider.received.at(-1)?.url, expected);
        assert.equal(await send(mode, row, `only-${at}`), 200, 'a policy for exactly this path does not allow it');
        assert.equal(await send(mode, row, `all-but-${at}`), 403, 'a policy against exactly this path lets it through');
      });
    }
  });
}

async function send(mode: PathMode, { raw }: PathCase, consumer: string): Promise<number> {
  const gateway = gateways.get(mode) ?? assert.fail();
  const token = tokens.get(consumer) ?? assert.fail(consumer);
  const lines = [`GET ${raw} HTTP/1.1`, 'Host: gateway', `Authorization: Bearer ${token}`];
  return (await sendRaw(gateway.url, lines)).status;
}

/** The path as a policy names it: the upstream's own, decoded. */
function globOf(row: PathCase, mode: PathMode): string | undefined {
  const expected = row[mode];
  if (typeof expected === 'number') return undefined;
  if (row.glob !== undefined) return row.glob[mode];
  const path = expected.replace(/\?.*$/, '').replace(/^\/v2(?=\/)/, '');
  const own = mode === 'no-rewrite' ? path.replace(/^\/[^/]+/, '') : path;
  return decodeURIComponent(own);
}

function resources(): string {
  const policies = globs.flatMap((glob, at) => [
    { id: `only-${at}`, effect: 'allow', consumers: [`only-${at}`], upstreams: ['*'], paths: [glob] },
    { id: `not-${at}`, effect: 'deny', consumers: [`all-but-${at}`], upstreams: ['*'], paths: [glob] },
  ]);
  const everybody = ['anything', ...globs.flatMap((_, at) => [`only-${at}`, `all-but-${at}`])];
  const free = everybody.filter((consumer) => !consumer.startsWith('only-'));
  const upstream = { preset: 'generic', base_url: 'https://api.example.com' };
  const fromEnv = { from: 'env', name: 'PROVIDER_SECRET' };
  return JSON.stringify({
    upstreams: [
      { ...upstream, id: 'generic' },
      { ...upstream, id: 'cohere', encoded_slashes: 'allow' },
      { ...upstream, id: 'ollama', base_url: 'https://api.example.com/v2' },
    ],
    credentials: ['generic', 'cohere', 'ollama'].map((id) => ({ id, upstream: id, secret: fromEnv })),
    consumers: everybody.map((id) => ({ id, owner: 'paths@example.com' })),
    policies: [...policies, { id: 'free', effect: 'allow', consumers: free, upstreams: ['*'] }],
  });
}
