/** Conditions, explain, diff and suggest with the real product: what it decides is what it explains. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const secret = 'sk-live-the-secret-of-this-test';
const resources = (when: string): string => `
upstreams:
  - { id: openai, preset: openai }
credentials:
  - { id: main, upstream: openai, secret: { from: env, name: WHY_KEY } }
consumers:
  - { id: team, owner: a@example.com, groups: [search] }
groups:
  - { id: search, member_of: [engineering] }
policies:
  - id: chat
    effect: allow
    groups: [engineering]
    upstreams: [openai]
    methods: [POST]
    when: ${when}
  - { id: watch, effect: deny, consumers: ['*'], upstreams: [openai], when: 'source.inside("203.0.113.0/24")', mode: shadow }
`;

describe('a sidecar that is asked why', () => {
  let sidecar: RunningSidecar;
  let token = '';
  before(async () => {
    sidecar = await startSidecar({ resources: resources('request.model == "small"'), env: { WHY_KEY: secret } });
    ({ token } = await sidecar.issueToken('team'));
  });
  after(() => sidecar.stop());

  const ask = async (model: string): Promise<{ readonly status: number; readonly decision: string }> => {
    const path = '/openai/v1/chat/completions';
    const response = await fetch(`${sidecar.urls.data}/api/auth/openai`, {
      headers: {
        'x-cf-gateway-key': sidecar.keys.gateway,
        'x-forwarded-method': 'POST',
        'x-forwarded-uri': path,
        'x-cf-raw-uri': path,
        'x-forwarded-for': '203.0.113.7',
        'x-cf-arg-model': model,
        authorization: `Bearer ${token}`,
      },
    });
    return { status: response.status, decision: response.headers.get('x-cf-decision') ?? '' };
  };
  const isClean = (...texts: readonly string[]): void => {
    for (const text of texts) {
      for (const word of [secret, token, sidecar.keys.gateway, sidecar.keys.admin]) assert.ok(!text.includes(word));
    }
  };

  it('decides by conditions and nested groups, and explains what it decided', async () => {
    assert.equal((await ask('small')).status, 200);
    const denied = await ask('big');
    assert.equal(denied.status, 403);
    const told = await sidecar.cli(['explain', denied.decision]);
    assert.equal(told.code, 0, told.stderr);
    assert.match(told.stdout, /It was denied: policy_no_match[\s\S]*resources\.yaml:11[\s\S]*is false/);
    const asked = ['explain', '--token', '--upstream', 'openai', '--method', 'POST', '--uri', '/openai/v1/x', '--model', 'small', '--address', '192.0.2.1']; // prettier-ignore
    const allowed = await sidecar.cli(asked, `${token}\n`);
    assert.match(allowed.stdout, /^ALLOWED by policy chat/, allowed.stderr);
    assert.match(allowed.stdout, /groups=search,engineering/);
    const asJson = JSON.stringify(await sidecar.json(asked, token));
    const recent = await fetch(`${sidecar.urls.admin}/api/v1/decisions`, { headers: { authorization: `Bearer ${sidecar.keys.admin}` } }); // prettier-ignore
    const list = await recent.text();
    assert.match(list, /"x-cf-arg-model":"big"/);
    isClean(told.stdout, told.stderr, allowed.stdout, allowed.stderr, asJson, list, sidecar.logs.join('\n'), sidecar.stderr()); // prettier-ignore
    assert.equal((await sidecar.cli(['explain', 'd_never_1'])).code, 1);
  });

  it('says who would lose by a candidate, and counts what a shadow policy would have done', async () => {
    assert.equal((await ask('small')).status, 200);
    const candidate = join(sidecar.resourcesFile, '..', 'candidate', 'resources.yaml');
    mkdirSync(join(candidate, '..'));
    writeFileSync(candidate, resources('request.model == "big"'));
    const { changes } = await sidecar.json(['policy', 'diff', '--candidate', candidate]);
    const found = (changes as readonly { readonly change: string; readonly consumer: string }[]).map(({ change, consumer }) => `${consumer} ${change}`); // prettier-ignore
    assert.deepEqual(found.sort(), ['team gains', 'team loses']);
    const metrics = await (await fetch(`${sidecar.urls.metrics}/metrics`)).text();
    assert.match(metrics, /credentialflow_shadow_decisions_total\{policy="watch",effect="deny"\} 2/);
    const { narrowest } = await sidecar.json(['policy', 'suggest', '--consumer', 'team', '--upstream', 'openai']);
    assert.match(String(narrowest), /- \/v1\/chat\/completions/);
  });
});
