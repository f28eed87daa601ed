import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adc } from '../../../sidecar/gateway/render/formats/adc.ts';
import { gatewayApi } from '../../../sidecar/gateway/render/formats/gateway-api.ts';
import { ingressV2 } from '../../../sidecar/gateway/render/formats/ingress-v2.ts';
import { standalone } from '../../../sidecar/gateway/render/formats/standalone.ts';
import { pluginsOf, uriOf, type GatewayRoute } from '../../../sidecar/gateway/render/gateway-configuration.ts';
import { fileWiring } from '../../../sidecar/gateway/render/wiring.ts';
import { lintFiles } from '../lint/corpus.ts';
import { byAiProxy, configured, rendered } from './support.ts';

const { routes } = configured(byAiProxy, fileWiring);
const routeOf = (id: string): GatewayRoute => routes.find((route) => route.id === id) ?? assert.fail(id);
const pluginOf = (id: string, name: string) =>
  routeOf(id).plugins.find((plugin) => plugin.name === name)?.config ?? assert.fail(name);

describe('a route of ai-proxy', () => {
  it('serves one path, which is the one that ai-proxy sends to, so that the policy judged what the API gets', () => {
    for (const [id, uri, endpoint] of [
      ['chat', '/openai/v1/chat/completions', 'https://api.openai.com/v1/chat/completions'],
      ['claude', '/v1/messages', 'https://api.anthropic.com/v1/messages'],
      ['local', '/local/chat', 'https://llm.internal:8443/v2/chat'],
    ] as const) {
      const route = routeOf(id);
      assert.equal(uriOf(route), uri);
      assert.equal(route.path.kind, 'exact');
      assert.deepEqual(pluginOf(id, 'ai-proxy')['override'], { endpoint, request_body_force_override: false });
      assert.equal(pluginsOf(route)['proxy-rewrite'], undefined, 'the raw path is the one that is judged');
    }
    assert.deepEqual(routeOf('claude').methods, ['POST']);
    assert.deepEqual(routeOf('chat').methods, ['POST', 'OPTIONS'], 'a browser asks first');
  });
  it('has no key of its own, which would win over the injected one, and keeps no prompts', () => {
    const { auth, logging, options } = pluginOf('chat', 'ai-proxy');
    assert.deepEqual(auth, { header: {} });
    assert.deepEqual(logging, { summaries: false, payloads: false });
    assert.deepEqual(options, { model: 'gpt-5-mini' });
    assert.equal(pluginOf('claude', 'ai-proxy')['options'], undefined);
  });
  it('tells tokens by model, and nothing of an upstream that nginx never connects to', () => {
    const format = pluginOf('claude', 'http-logger')['log_format'] as Readonly<Record<string, unknown>>;
    assert.deepEqual(format['llm'], {
      model: '$llm_model',
      prompt_tokens: '$llm_prompt_tokens',
      completion_tokens: '$llm_completion_tokens',
      response_time_ms: '$apisix_upstream_response_time',
      first_token_ms: '$llm_time_to_first_token',
    });
    assert.ok(!('upstream' in format) && !('limits' in format));
  });
  it('is left alone where it is made by hand', () => {
    assert.deepEqual(
      routes.map(({ id }) => id),
      ['chat', 'claude', 'local', 'credentialflow-token-self'],
    );
  });
  for (const format of [standalone, adc, ingressV2, gatewayApi]) {
    it(`has no finding of lint as ${format.id}`, () => {
      const { findings, problems } = lintFiles([{ file: 'rendered.yaml', text: rendered(byAiProxy, format) }]);
      assert.deepEqual(problems, []);
      assert.deepEqual(
        findings.map(({ rule, line, message }) => `${rule} ${line ?? 0} ${message}`),
        [],
      );
    });
  }
});
