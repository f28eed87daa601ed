import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { beforeEach, describe, it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import { denialTable } from '../../sidecar/core/codes.ts';
import type { Validation } from '../../sidecar/core/ports.ts';
import {
  deciding,
  factsOf,
  gateway,
  gatewayKey,
  headersOf,
  outcomeOf,
  question,
  resource,
  sha256,
  snapshotOf,
  testPreset,
  usual,
  type Deciding,
} from '../support/deciding.ts';

let ctx: Deciding;
beforeEach(async () => {
  ctx = deciding(await snapshotOf(usual()));
});

async function ask(...args: Parameters<typeof question>): Promise<string> {
  return outcomeOf(await decide(question(...args), ctx));
}

describe('decide', () => {
  it('answers a warm token synchronously with the secret and every slot', () => {
    const decision = decide(question(), ctx);
    assert.ok(!(decision instanceof Promise));
    const headers = headersOf(decision);
    assert.match(headers['cfcredential'] ?? '', /^cv_[0-9a-f]{16}$/);
    delete headers['cfcredential'];
    assert.deepEqual(headers, {
      authorization: 'Bearer upstream-secret',
      'x-api-key': '',
      'api-key': '',
      'x-goog-api-key': '',
      'x-http-method-override': '',
      'x-http-method': '',
      'x-method-override': '',
      'x-original-url': '',
      'x-rewrite-url': '',
      'test-project': '',
      cfconsumer: '',
    });
  });

  it('records every decision once, with what it found', async () => {
    await ask();
    await ask({ authorization: 'Bearer cf_nobody' });
    assert.deepEqual(ctx.recorded.map(outcomeOf), ['allow', 'token_unknown']);
    const [allowed] = ctx.recorded;
    assert.equal(allowed?.deliberation.consumerId, 'team');
    assert.equal(allowed.deliberation.policyId, 'chat');
    assert.equal(allowed.deliberation.gateway?.id, 'default');
  });

  it('shows neither secret nor token when a decision is printed', async () => {
    const text = inspect(await decide(question(), ctx), { depth: 20, showHidden: true }).replaceAll(
      'Bearer cf_team',
      '',
    );
    assert.ok(!text.includes('upstream-secret'));
  });

  it('denies with 503 until the first snapshot is there', async () => {
    ctx.use(undefined);
    assert.equal(await ask(), 'not_ready');
    assert.equal(denialTable.not_ready.status, 503);
  });

  it('turns a thrown fault into a 503, never into an allow', async () => {
    ctx.tokens.set('cf_team', () => Promise.reject(new Error('boom')));
    assert.equal(await ask(), 'internal_error');
    const broken: Deciding = { ...ctx, stateAgeMs: () => { throw new Error('clock'); } }; // prettier-ignore
    assert.equal(outcomeOf(await decide(question(), broken)), 'internal_error');
    assert.equal(ctx.faults.length, 2);
  });
});

describe('step 1: the gateway', () => {
  const cases: [string, Parameters<typeof question>[0], string][] = [
    ['no key', { 'x-cf-gateway-key': undefined }, 'gateway_key_missing'],
    ['an empty key', { 'x-cf-gateway-key': '' }, 'gateway_key_missing'],
    ['what $env:// leaves behind', { 'x-cf-gateway-key': '://CREDENTIALFLOW_GATEWAY_KEY' }, 'gateway_key_unresolved'],
    ['another key', { 'x-cf-gateway-key': `${gatewayKey}x` }, 'gateway_key_unknown'],
  ];
  for (const [name, headers, code] of cases) {
    it(`refuses ${name}, whatever else is sent`, async () => {
      assert.equal(await ask({ ...headers, authorization: undefined, 'x-forwarded-method': undefined }), code);
    });
  }

  it('refuses a key whose time is over, a disabled gateway and a foreign address', async () => {
    const key = { sha256: sha256(gatewayKey), created_at: '2026-01-01T00:00:00Z', expires_at: '2026-11-23T12:00:00Z' };
    ctx.use(await snapshotOf([...usual().slice(1), gateway('default', { keys: [key] })]));
    assert.equal(await ask(), 'gateway_key_unknown');
    ctx.nowMs -= 1;
    assert.equal(await ask(), 'allow');
    ctx.use(await snapshotOf([...usual().slice(1), { ...gateway(), disabled: true }]));
    assert.equal(await ask(), 'gateway_key_unknown');
    ctx.use(await snapshotOf([...usual().slice(1), gateway('default', { addresses: ['10.0.0.0/8', '::1'] })]));
    assert.equal(await ask(), 'gateway_address_forbidden');
    assert.equal(await ask({}, { address: '::ffff:10.1.2.3' }), 'allow');
    assert.equal(await ask({}, { address: '::1' }), 'allow');
    assert.equal(await ask({}, { address: '' }), 'gateway_address_forbidden');
  });

  it('refuses an upstream that this gateway may not ask for', async () => {
    ctx.use(await snapshotOf([...usual().slice(1), gateway('default', { upstreams: ['other'] })]));
    assert.equal(await ask(), 'gateway_upstream_forbidden');
  });
});

describe('steps 2 and 3: the request and its upstream', () => {
  it('refuses a question without method or raw path', async () => {
    assert.equal(await ask({ 'x-forwarded-method': undefined }), 'request_malformed');
    assert.equal(await ask({ 'x-cf-raw-uri': undefined }), 'request_malformed');
  });

  it('refuses a decisive header that came twice with different values', async () => {
    assert.equal(await ask({}, { conflicting: ['x-cf-raw-uri'] }), 'request_malformed');
    assert.equal(await ask({}, { conflicting: ['x-cf-gateway-key'] }), 'gateway_key_unknown');
  });

  it('never denies for a missing request id', async () => {
    assert.equal(await ask({ 'x-cf-request-id': undefined }), 'allow');
  });

  it('judges the rewritten path less the base path where the route rewrites', async () => {
    ctx.use(
      await snapshotOf([
        ...usual().filter((r) => r.kind !== 'upstream'),
        resource('upstream', 'api', { base_url: 'https://h/base/' }),
      ]),
    );
    const raw = '/api/anything';
    assert.equal(await ask({ 'x-cf-raw-uri': raw, 'x-cf-upstream-uri': '/base/v1/chat?x=1' }), 'allow');
    assert.equal(
      await ask({ 'x-cf-raw-uri': '/api/v1/chat', 'x-cf-upstream-uri': '/base/v1/files' }),
      'policy_no_match',
    );
    assert.equal(await ask({ 'x-cf-raw-uri': raw, 'x-cf-upstream-uri': '/v1/chat' }), 'path_outside_upstream');
  });

  it('refuses an ambiguous path and one outside the prefix', async () => {
    assert.equal(await ask({ 'x-cf-raw-uri': '/api/v1/../v1/chat' }), 'path_ambiguous');
    assert.equal(await ask({ 'x-cf-raw-uri': '/apiv1/chat' }), 'path_outside_upstream');
    assert.equal(await ask({ 'x-cf-raw-uri': 'http://evil/api/v1/chat' }), 'path_ambiguous');
  });

  it('binds by route or by name, and refuses when they disagree', async () => {
    ctx.use(await snapshotOf([...usual(), resource('upstream', 'other', { routes: ['other'], prefix: '/other' })]));
    assert.equal(await ask({ 'x-cf-route': 'other' }, { upstream: 'api' }), 'upstream_mismatch');
    assert.equal(await ask({ 'x-cf-route': undefined }, { upstream: 'api' }), 'allow');
    assert.equal(await ask({ 'x-cf-route': 'generated-7f3a' }, { upstream: 'api' }), 'allow');
    assert.equal(await ask({ 'x-cf-route': 'generated-7f3a' }), 'upstream_unknown');
    assert.equal(await ask({}, { upstream: 'nowhere' }), 'upstream_unknown');
    assert.equal(await ask({ 'x-cf-route': undefined, 'x-forwarded-host': 'api' }), 'upstream_unknown');
  });

  it('refuses a disabled upstream, and one whose state is older than it allows', async () => {
    ctx.ageMs = 60_001;
    assert.equal(await ask(), 'state_stale');
    ctx.ageMs = 60_000;
    assert.equal(await ask(), 'allow');
    ctx.use(await snapshotOf(usual().map((r) => (r.kind === 'upstream' ? { ...r, disabled: true } : r))));
    assert.equal(await ask(), 'upstream_disabled');
  });
});

describe('step 4: the token', () => {
  const cases: [string, Parameters<typeof question>[0], string][] = [
    ['no token', { authorization: undefined }, 'token_missing'],
    ['an empty scheme', { authorization: 'Bearer ' }, 'token_missing'],
    ['another scheme', { authorization: 'Basic Y2Y6Y2Y=' }, 'token_malformed'],
    ['the scheme of tokens that are bound to a key', { authorization: 'DPoP cf_team' }, 'token_bound'],
    ['a scheme glued to the token', { authorization: 'Bearercf_team' }, 'token_malformed'],
    ['the provider’s own key', { authorization: 'Bearer sk-abc' }, 'token_malformed'],
    ['two values in two slots', { 'x-api-key': 'cf_other' }, 'token_conflict'],
    ['one value in two slots', { 'x-api-key': 'cf_team' }, 'allow'],
    ['another slot alone', { authorization: undefined, 'x-api-key': 'cf_team' }, 'allow'],
    ['a slot of another API', { authorization: undefined, 'x-goog-api-key': 'cf_team' }, 'token_missing'],
    ['a scheme in other case', { authorization: 'bEARER  cf_team' }, 'allow'],
    ['a key in the query', { 'x-cf-raw-uri': '/api/v1/chat?key=cf_team' }, 'token_in_query'],
    ['an encoded key name in the query', { 'x-cf-raw-uri': '/api/v1/chat?a=1&%6Bey=x' }, 'token_in_query'],
    ['a key in the rewritten query', { 'x-cf-upstream-uri': '/v1/chat?API_KEY=x' }, 'token_in_query'],
    ['a harmless query', { 'x-cf-raw-uri': '/api/v1/chat?monkey=1' }, 'allow'],
  ];
  for (const [name, headers, outcome] of cases) {
    it(`${outcome === 'allow' ? 'takes' : 'refuses'} ${name}`, async () => {
      assert.equal(await ask(headers), outcome);
    });
  }

  it('refuses a slot that came twice with different values', async () => {
    assert.equal(await ask({}, { conflicting: ['authorization'] }), 'token_conflict');
  });
});

describe('step 5: whose token', () => {
  const cases: [string, Partial<ReturnType<typeof factsOf>>, string][] = [
    ['revoked', { revokedAtMs: 1 }, 'token_revoked'],
    ['expired', { expiresAtMs: Date.parse('2026-11-23T12:00:00Z') }, 'token_expired'],
    ['not yet valid', { notBeforeMs: Date.parse('2026-11-23T12:00:01Z') }, 'token_not_yet_valid'],
    ['without consumer', { consumerId: 'gone' }, 'consumer_unknown'],
  ];
  for (const [name, facts, code] of cases) {
    it(`refuses a token that is ${name}`, async () => {
      ctx.tokens.set('cf_team', { ...factsOf('team'), ...facts });
      assert.equal(await ask(), code);
    });
  }

  it('refuses a disabled consumer', async () => {
    ctx.use(await snapshotOf(usual().map((r) => (r.kind === 'consumer' ? { ...r, disabled: true } : r))));
    assert.equal(await ask(), 'consumer_disabled');
  });

  it('passes on why a token could not be judged', async () => {
    ctx.tokens.set('cf_team', { deny: 'store_unavailable', retryAfterMs: 1500 });
    const decision = await decide(question(), ctx);
    assert.ok(decision.outcome === 'deny');
    assert.deepEqual([decision.code, decision.retryAfterMs], ['store_unavailable', 1500]);
  });

  it('judges a cold token by the snapshot of the moment it is known, not of the moment it was asked', async () => {
    const { promise, resolve } = Promise.withResolvers<Validation>();
    ctx.tokens.set('cf_team', () => promise);
    const decision = decide(question(), ctx);
    assert.ok(decision instanceof Promise);
    ctx.use(await snapshotOf(usual().filter((r) => r.kind !== 'policy')));
    resolve(factsOf('team'));
    assert.equal(outcomeOf(await decision), 'policy_no_match');
  });

  it('denies a cold token when its upstream is gone in the meantime', async () => {
    const { promise, resolve } = Promise.withResolvers<Validation>();
    ctx.tokens.set('cf_team', () => promise);
    const decision = decide(question(), ctx);
    ctx.use(await snapshotOf(usual().filter((r) => r.kind !== 'upstream')));
    resolve(factsOf('team'));
    assert.equal(outcomeOf(await decision), 'upstream_unknown');
  });
});

describe('steps 6 to 9: right, credential, headers', () => {
  it('denies by default and lets deny win', async () => {
    assert.equal(await ask({ 'x-forwarded-method': 'GET' }), 'policy_no_match');
    ctx.use(await snapshotOf([...usual(), resource('policy', 'stop', { effect: 'deny', consumers: ['team'] })]));
    assert.equal(await ask(), 'policy_denied');
  });

  it('never fills a slot with nothing', async () => {
    const without = usual().filter((r) => r.kind !== 'credential');
    ctx.use(await snapshotOf(without));
    assert.equal(await ask(), 'credential_missing');
    ctx.use(await snapshotOf([...without, resource('credential', 'c', { secret: { from: 'test', value: '' } })]));
    assert.equal(await ask(), 'credential_unavailable');
    ctx.use(await snapshotOf([...without, resource('credential', 'c', { secret: { from: 'test' } })]));
    assert.equal(await ask(), 'credential_unavailable');
    ctx.use(await snapshotOf([...without, resource('credential', 'c', { secret: undefined })]));
    assert.equal(await ask(), 'credential_unavailable');
  });

  it('clears every slot of a server that needs no secret', async () => {
    const preset = { ...testPreset, secretOptional: true };
    ctx.use(await snapshotOf(usual().filter((r) => r.kind !== 'credential'), [preset])); // prettier-ignore
    const headers = headersOf(await decide(question(), ctx));
    assert.equal(headers['authorization'], '');
    assert.match(headers['cfcredential'] ?? '', /^cv_[0-9a-f]{16}$/);
  });

  it('pins steering headers by the credential, names the consumer where asked, and passes a slot through', async () => {
    ctx.use(
      await snapshotOf([
        ...usual().filter((r) => r.kind !== 'credential' && r.kind !== 'upstream'),
        resource('credential', 'c', { headers: { 'test-project': 'p1' } }),
        resource('upstream', 'api', {
          identity_header: true,
          passthrough: ['x-goog-api-key'],
          steering_headers: ['x-tenant'],
        }),
      ]),
    );
    const headers = headersOf(await decide(question({ 'x-goog-api-key': 'mine', 'x-tenant': 'spoofed' }), ctx));
    assert.equal(headers['test-project'], 'p1');
    assert.equal(headers['cfconsumer'], 'team');
    assert.equal(headers['x-goog-api-key'], 'mine');
    assert.equal(headers['x-tenant'], '');
    const again = headersOf(await decide(question(), ctx));
    assert.equal(again['x-goog-api-key'], undefined, 'one request leaves nothing for the next');
  });
});
