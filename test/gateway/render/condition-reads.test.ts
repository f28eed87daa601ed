/** What conditions read, the rendered gateway passes; where another one does not, lint says so. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formats } from '../../../sidecar/gateway/render/formats/index.ts';
import { standalone } from '../../../sidecar/gateway/render/formats/standalone.ts';
import type { KnownUpstreams } from '../../../sidecar/gateway/lint/known-upstream.ts';
import type { Finding } from '../../../sidecar/gateway/lint/rule.ts';
import { resourceDeps } from '../../../sidecar/resource-deps.ts';
import { lintFiles } from '../lint/corpus.ts';
import { configured, rendered, sourceOf } from './support.ts';

const resources = `
upstreams: [{ id: openai, preset: openai }, { id: mistral, preset: mistral }]
policies:
  - { id: small, effect: allow, consumers: ['*'], upstreams: [openai], when: 'request.model == "gpt-5-mini"' }
  - { id: tenants, effect: deny, consumers: ['*'], upstreams: ['*'], mode: shadow, when: 'request.header("x-tenant") == ""' }
`;
const without = resources.replace(/policies:[^]*/, '');

function known(): KnownUpstreams {
  const { upstreams, reads } = sourceOf(resources);
  return {
    upstreams: new Map(upstreams.map(({ id, spec }) => [id, spec])),
    injectedHeaders: () => ['authorization'],
    pinnedHeaders: () => [],
    reads,
  };
}

const lint = (text: string, what?: KnownUpstreams): readonly Finding[] =>
  lintFiles([{ file: 'apisix.yaml', text }], {}, what).findings;

function questionOf(routeId: string): { readonly request_headers: unknown; readonly extra_headers: object } {
  const route = configured(resources, standalone.wiring).routes.find(({ id }) => id === routeId);
  const plugin = route?.plugins.find(({ name }) => name === 'forward-auth');
  assert.ok(plugin !== undefined);
  return plugin.config as unknown as ReturnType<typeof questionOf>;
}

describe('the rendered question', () => {
  it('carries what the conditions over its upstream read, and reads no body for others', () => {
    const openai = questionOf('openai');
    assert.ok((openai.request_headers as string[]).includes('x-tenant'));
    assert.equal(Object.entries(openai.extra_headers).find(([name]) => name === 'X-CF-Arg-model')?.[1], '$post_arg.model'); // prettier-ignore
    const mistral = questionOf('mistral');
    assert.ok((mistral.request_headers as string[]).includes('x-tenant'));
    assert.ok(!JSON.stringify(mistral.extra_headers).includes('post_arg'));
  });
  for (const format of formats) {
    it(`has no finding in the form ${format.id}, with the resources or without`, () => {
      for (const what of [known(), undefined]) {
        assert.deepEqual(
          lint(rendered(resources, format), what).filter(({ rule }) => /condition|question/.test(rule)),
          [],
        );
      }
    });
  }
});

describe('a question that does not carry it', () => {
  const text = rendered(without, standalone);
  const found = lint(text, known()).filter(({ rule }) => rule === 'condition-not-passed');
  it('is an error for the body, where a policy has no answer, and a warning for a header', () => {
    assert.deepEqual(
      found.map(({ severity, message, fixable }) => [severity, /lacks .*/.exec(message)?.[0], fixable]).sort(),
      [
        ['error', 'lacks X-CF-Arg-model', false],
        ['warning', 'lacks x-tenant', true],
        ['warning', 'lacks x-tenant', true],
      ],
    );
  });
  it('is not known where the policies are not', () => {
    assert.deepEqual(lint(text), []);
  });
});

it('a body that is read for no condition is a finding', () => {
  const { reads: _reads, ...rest } = known();
  const nobody: KnownUpstreams = { ...rest, reads: () => ({ headers: ['x-tenant'], args: [] }) };
  assert.deepEqual(
    lint(rendered(resources, standalone), nobody).map(({ rule }) => rule),
    ['question-reads-body'],
  );
});

it('a field whose name no variable of APISIX can have is left out, and lint still says that it is missing', () => {
  const odd = resources.replace('request.model', 'request.arg("max-tokens")');
  const text = rendered(odd, standalone);
  assert.ok(!text.includes('post_arg'));
  const what = { ...known(), reads: sourceOf(odd).reads };
  assert.deepEqual(
    lint(text, what).map(({ rule, severity }) => [rule, severity]),
    [['condition-not-passed', 'warning']],
  );
  assert.ok(resourceDeps.conditionProblems('request.arg("max-tokens") == ""').length === 0);
});
