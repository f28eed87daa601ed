import assert from 'node:assert/strict';
import { createUpstreamReads } from '../../../sidecar/core/condition-reads.ts';
import { presets } from '../../../sidecar/presets/index.ts';
import { buildConfiguration } from '../../../sidecar/gateway/render/build-configuration.ts';
import type { RenderSource } from '../../../sidecar/gateway/render/build-configuration.ts';
import type { Format } from '../../../sidecar/gateway/render/formats/format.ts';
import type { GatewayConfiguration } from '../../../sidecar/gateway/render/gateway-configuration.ts';
import type { Wiring } from '../../../sidecar/gateway/render/wiring.ts';
import type { CredentialSpec, PolicySpec, UpstreamSpec } from '../../../sidecar/core/resources.ts';
import { conditionReads, resourceDeps } from '../../../sidecar/resource-deps.ts';
import { parseResources } from '../../../sidecar/resources/parse.ts';

export const formatOptions = {
  minimumVersion: '3.17',
  namespace: undefined,
  ingressClass: 'apisix',
  gatewayName: 'apisix',
} as const;

/** The source that resource documents declare; they must be valid. */
export function sourceOf(resources: string): RenderSource {
  const { mutations, problems } = parseResources(resources, 'resources.yaml', resourceDeps);
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  const puts = mutations.filter((mutation) => mutation.op === 'put');
  return {
    upstreams: puts.flatMap((put) => (put.kind === 'upstream' ? [{ id: put.id, spec: put.spec as UpstreamSpec }] : [])),
    credentials: puts.flatMap((put) => (put.kind === 'credential' ? [put.spec as CredentialSpec] : [])),
    reads: createUpstreamReads(
      puts.flatMap((put) => (put.kind === 'policy' ? [put.spec as PolicySpec] : [])),
      conditionReads,
    ),
  };
}

export function configurationOf(resources: string, wiring: Wiring, sidecarUrl = 'http://127.0.0.1:9280') {
  return buildConfiguration(sourceOf(resources), { sidecarUrl, wiring }, { presets });
}

export function configured(resources: string, wiring: Wiring, sidecarUrl?: string): GatewayConfiguration {
  const built = configurationOf(resources, wiring, sidecarUrl);
  assert.ok(!('conflicts' in built), 'conflicts' in built ? built.conflicts.join('\n') : '');
  return built;
}

export function rendered(resources: string, format: Format): string {
  return format.write(configured(resources, format.wiring), formatOptions);
}

/** Language models behind ai-proxy. */
export const byAiProxy = `
upstreams:
  - id: chat
    preset: openai
    prefix: /openai
    identity_header: true
    gateway:
      hosts: [llm.example.com]
      browsers: true
      limit: { count: 600, window: 60s }
      ai_proxy: { provider: openai, model: gpt-5-mini }
  - { id: claude, preset: anthropic, prefix: /, gateway: { ai_proxy: { provider: anthropic } } }
  - { id: local, preset: generic, base_url: 'https://llm.internal:8443/v2', gateway: { ai_proxy: { provider: openai-compatible, path: /chat } } }
  - { id: azure, preset: azure-openai, base_url: 'https://a.openai.azure.com', gateway: { ai_proxy: { by_hand: true } } }
`;

/** One upstream of every wish there is. */
export const elaborate = `
upstreams:
  - id: maps
    preset: generic
    base_url: https://maps.example.com
    prefix: /
    injection: { kind: header, name: cfsecret }
    gateway: { hosts: [maps.internal], secret_in_query: key }
  - id: my.model_1
    preset: generic
    base_url: http://llama.internal:8080/v2
    prefix: /models/my.model_1
    routes: ['7', spare]
    encoded_slashes: allow
    passthrough: [x-api-key]
    steering_headers: [x-tenant]
    token_slots: [{ header: authorization, scheme: Bearer }, { header: x-llama-key }]
    injection: { kind: header, name: x-llama-key }
    identity_header: true
    gateway: { hosts: ['*.example.com'], browsers: true, limit: { count: 600, window: 60s } }
  - id: openai
    preset: openai
credentials:
  - { id: main, upstream: my.model_1, secret: { from: env, name: LLAMA }, headers: { x-tenant: a, x-billing: b } }
`;
