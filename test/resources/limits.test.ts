import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitSpec, UpstreamSpec } from '../../sidecar/core/resources.ts';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { nothingBeside, type Beside, type MeteredUpstream } from '../../sidecar/resources/budgets.ts';
import { limitKind } from '../../sidecar/resources/kinds/limit.ts';
import { upstreamKind } from '../../sidecar/resources/kinds/upstream.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';

function read(limit: string) {
  const { mutations, problems } = parseResources(`limits:\n  - { id: l, ${limit} }\n`, 'r.yaml', resourceDeps);
  const [put] = mutations;
  return {
    spec: put?.op === 'put' ? (put.spec as LimitSpec) : undefined,
    said: problems.map(({ severity, path, message }) => `${severity} ${path ?? ''} ${message}`),
  };
}

test('a limit is for everybody, each consumer for itself, and enforced, unless it says otherwise', () => {
  assert.deepEqual(read('requests: 10, window: 1m'), {
    said: [],
    spec: {
      consumers: ['*'],
      groups: [],
      labels: {},
      upstreams: ['*'],
      per: ['consumer'],
      measure: 'requests',
      most: 10,
      window_ms: 60_000,
      mode: 'enforce',
      on_cache_loss: 'local',
    },
  });
});

for (const [limit, wrong] of [
  ['window: 1m', /must have one of requests, llm_tokens, cost and concurrent/],
  ['requests: 1, concurrent: 1, window: 1m', /must have one of/],
  ['requests: 1', /needs the window/],
  ['requests: 1, window: 10ms', /at least 1s/],
  ['concurrent: 1, window: 1m', /has no meaning beside concurrent/],
  ['requests: -1, window: 1m', /requests/],
  ['requests: 1, window: 1m, per: [consumer, consumer]', /twice/],
] as const) {
  test(`is refused: ${limit}`, () => {
    assert.match(read(limit).said.join('\n'), new RegExp(`^error .*${wrong.source}`, 'm'));
  });
}

for (const [limit, wrong] of [
  ['cost: 0.0000001, window: 1d', /six decimals/],
  ['cost: 1000001, window: 1d', /cost/],
  ['cost: 1', /needs the window that cost is/],
] as const) {
  test(`is refused: ${limit}`, () => {
    assert.match(read(limit).said.join('\n'), new RegExp(`^error .*${wrong.source}`, 'm'));
  });
}

test('a cost is kept in micros, and written as it was read', () => {
  const { spec } = read('cost: 12.345678, window: 1d');
  assert.deepEqual([spec?.measure, spec?.most], ['cost', 12_345_678]);
  assert.equal(limitKind.write('l', spec ?? assert.fail())['cost'], 12.345678);
});

const ordinary = '{ id: plain, preset: openai }';
const metered = '{ id: metered, preset: openai, gateway: { ai_proxy: { provider: openai } } }';
const handMade = '{ id: hand-made, preset: openai, gateway: { ai_proxy: { by_hand: true } } }';
const priced = `{ id: priced, preset: openai, prices: [{ model: '*', input: 1, output: 2 }], gateway: { ai_proxy: { provider: openai } } }`;

function judged(limit: string, upstreams: readonly string[], elsewhere: readonly MeteredUpstream[] = []) {
  const list = upstreams.map((upstream) => `  - ${upstream}\n`).join('');
  const text = `limits:\n  - { id: l, ${limit}, window: 1d }\n${list === '' ? '' : `upstreams:\n${list}`}`;
  const { problems } = parseResources(text, 'r.yaml', resourceDeps, {
    beside: { ...nothingBeside, upstreams: elsewhere },
  });
  return problems
    .filter(({ path }) => path === 'limits[0].llm_tokens' || path === 'limits[0].cost')
    .map(({ severity, message, fix }) => `${severity} ${message} (${fix ?? ''})`)
    .join('\n');
}

test('a budget of tokens is refused where no ai-proxy route counts any, with what to do', () => {
  for (const upstreams of ['', ', upstreams: [plain]']) {
    assert.match(
      judged(`llm_tokens: 1000${upstreams}`, [ordinary]),
      /^error .*ai-proxy.*none for plain \(declare gateway/,
    );
  }
  assert.match(judged('llm_tokens: 1000, upstreams: [plain]', [ordinary, metered]), /^error/);
  assert.match(judged('llm_tokens: 1000', [ordinary], []), /^error/);
  assert.equal(judged('llm_tokens: 1000', [metered]), '');
  assert.equal(judged('llm_tokens: 1000', [handMade]), '', 'a route that is made by hand counts, too');
  assert.equal(judged('requests: 5', [ordinary]), '');
});

test('a budget is told which of its upstreams it does not count', () => {
  assert.match(judged('llm_tokens: 1000', [ordinary, metered]), /^warning counts nothing at plain: no ai-proxy route/);
  assert.match(judged('cost: 5', [metered, priced]), /^warning counts nothing at metered: no prices/);
});

test('a budget of cost is refused where nothing has a price', () => {
  assert.match(judged('cost: 5', [metered]), /^error .*no prices of metered/);
  assert.match(judged('cost: 5', [ordinary]), /^error .*ai-proxy/);
  assert.equal(judged('cost: 5', [priced]), '');
});

test('what others declare is known, and what nobody knows is not judged', () => {
  const elsewhere = [{ id: 'far', tokens: true, prices: false }];
  assert.equal(judged('llm_tokens: 1, upstreams: [far]', [], elsewhere), '');
  assert.match(judged('llm_tokens: 1', [ordinary], elsewhere), /^warning/);
  assert.match(
    judged('llm_tokens: 1, upstreams: [plain]', [], [{ id: 'plain', tokens: false, prices: false }]),
    /^error/,
  );
  assert.match(judged('llm_tokens: 1', []), /^warning .*ai-proxy/);
  assert.match(judged('llm_tokens: 1, upstreams: [unheard-of]', [ordinary]), /^warning .*ai-proxy/);
});

const counted = { id: 'far', tokens: true, prices: true };
const money = { id: 'money', measure: 'cost', upstreams: ['far'] } as const;

/** What a document does to budgets that it does not declare. */
function taken(text: string, beside: Partial<Beside>) {
  const { refusal, problems, mutations } = parseResources(text, 'r.yaml', resourceDeps, {
    beside: { ...nothingBeside, ...beside },
  });
  const said = problems
    .filter(({ message }) => /^the limit/.test(message))
    .map(({ severity, path, message, fix }) => `${severity} ${path ?? '-'} ${message} (${fix ?? ''})`);
  return { refusal, said: said.join('\n'), count: mutations.length };
}

test('a document is refused that takes ai_proxy or prices away from a budget that it does not declare', () => {
  for (const more of ['', ', gateway: { ai_proxy: { provider: openai } }']) {
    assert.deepEqual(
      taken(`upstreams:\n  - { id: far, preset: openai${more} }\n`, { upstreams: [counted], budgets: [money] }),
      {
        refusal: 'resource_in_use',
        said: 'error upstreams[0].id the limit money would count nothing any more: it relies on ai_proxy and prices of far (change or delete the limit money first)',
        count: 0,
      },
    );
  }
  const tokens = { id: 'tokens', measure: 'llm_tokens', upstreams: ['*'] } as const;
  const beside = { upstreams: [counted], budgets: [tokens] };
  const all = taken('upstreams:\n  - { id: far, preset: openai }\n', beside);
  assert.match(all.said, /^error .* the limit tokens would count nothing any more: it relies on ai_proxy of far/);
  const another = taken(`upstreams:\n  - { id: far, preset: openai }\n  - ${metered}\n`, beside);
  assert.equal(another.refusal, undefined, 'another upstream counts');
  assert.match(another.said, /^warning upstreams\[0\]\.id the limit tokens counts nothing at far: no ai-proxy route/);
});

test('a document is refused that no longer declares what a budget relies on', () => {
  const gone = taken('consumers:\n  - { id: c }\n', { going: [counted], budgets: [money] });
  assert.deepEqual([gone.refusal, gone.count], ['resource_in_use', 0]);
  assert.match(gone.said, /^error - the limit money would count nothing any more: .* of far /);
  const kept = taken('consumers:\n  - { id: c }\n', { upstreams: [counted], budgets: [money] });
  assert.deepEqual([kept.refusal, kept.said], [undefined, ''], 'nothing goes that is not its own');
});

test('a document may change an upstream together with the budget that relies on it', () => {
  const upstreams = 'upstreams:\n  - { id: far, preset: openai }\n';
  const limits = 'limits:\n  - { id: money, requests: 5, window: 1d, upstreams: [far] }\n';
  const changed = taken(upstreams + limits, { upstreams: [counted], budgets: [money] });
  assert.deepEqual(changed, { refusal: undefined, said: '', count: 2 });
  assert.equal(taken(upstreams, { going: [counted] }).refusal, undefined, 'its own budget goes, too');
  // Its own budget is judged as ever.
  const own = taken(upstreams + limits.replace('requests', 'cost'), { upstreams: [counted], budgets: [money] });
  assert.equal(own.refusal, 'resource_invalid');
});

test('a document that leaves upstreams as they are is not told of the budgets of others', () => {
  const dead = { id: 'dead', measure: 'llm_tokens', upstreams: ['plain'] } as const;
  const beside = { upstreams: [{ id: 'plain', tokens: false, prices: false }], budgets: [dead] };
  assert.deepEqual(taken(`upstreams:\n  - ${ordinary}\n`, beside), { refusal: undefined, said: '', count: 1 });
});

test('prices have at most six decimals and are written as they were read', () => {
  const text = `upstreams:\n  - { id: a, preset: openai, prices: [{ model: 'gpt-5*', input: 0.25, output: 2.000001 }, { model: '*', input: 0, output: 100 }] }\n`;
  const [put] = parseResources(text, 'r.yaml', resourceDeps).mutations;
  const spec = put?.op === 'put' ? (put.spec as UpstreamSpec) : assert.fail();
  assert.deepEqual(spec.prices?.[0], { model: 'gpt-5*', input_micros: 250_000, output_micros: 2_000_001 });
  const written = upstreamKind.write('a', spec);
  const again = parseResources(JSON.stringify({ upstreams: [written] }), 'r.json', resourceDeps).mutations[0];
  assert.deepEqual(again?.op === 'put' ? again.spec : undefined, spec);
  const wrong = parseResources(text.replace('0.25', '0.12345678'), 'r.yaml', resourceDeps).problems;
  assert.match(wrong[0]?.message ?? '', /six decimals/);
});
