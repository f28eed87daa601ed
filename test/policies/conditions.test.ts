import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RuleQuestion } from '../../sidecar/core/rule-index.ts';
import { createConditions } from '../../sidecar/policies/conditions.ts';
import { createAddressMatcher } from '../../sidecar/snapshot/address-matcher.ts';
import { askedOf } from '../support/asked.ts';

const conditions = createConditions({ createAddressMatcher });

const asked: RuleQuestion = askedOf({
  consumerId: 'team',
  groups: ['search', 'eu'],
  labels: { tier: 'gold' },
  owner: 'search@example.com',
  token: {
    tokenId: 'tok_1',
    expiresAtMs: Date.parse('2026-12-24T00:00:00Z'),
    policies: ['chat'],
  },
  path: '/v1/models/gpt-5:generate',
  target: '/api/v1/models/gpt-5:generate?alt=sse&tag=a&tag=b%20c&constructor=1',
  nowMs: Date.parse('2026-11-25T22:30:00Z'),
  headers: {
    'x-forwarded-for': '203.0.113.7',
    'x-cf-arg-model': 'gpt-5-mini',
    'x-cf-arg-stream': '',
    'openai-beta': 'assistants=v2',
  },
});

const evaluate = (text: string, question = asked): boolean => conditions.compile(text)(question);

describe('conditions', () => {
  const expressions: readonly (readonly [string, boolean])[] = [
    ['consumer.id == "team" && consumer.owner.endsWith("@example.com")', true],
    ['"search" in consumer.groups && consumer.labels.tier == "gold"', true],
    ['"constructor" in consumer.labels || has(consumer.labels.toString)', false],
    ['token.id == "tok_1" && token.kind == "opaque" && "chat" in token.scopes', true],
    ['token.expires_at - time.now < duration("720h")', true],
    ['token.expires_at < timestamp("2026-12-24T00:00:01Z")', true],
    ['request.method == "POST" && request.path == "/v1/models/gpt-5:generate"', true],
    ['request.segments[0] == "v1" && request.segments.size() == 3', true],
    ['request.query.alt == ["sse"] && request.query["tag"] == ["a", "b c"]', true],
    ['"constructor" in request.query && !("toString" in request.query)', true],
    ['request.query.exists(name, name == "alt")', true],
    ['request.header("openai-beta").contains("v2") && request.header("x-tenant") == ""', true],
    ['request.model in ["gpt-5-mini", "gpt-5"] && request.arg("stream") == ""', true],
    ['request.model.startsWith("gpt-4")', false],
    ['source.inside("203.0.113.0/24") && !source.inside("10.0.0.0/8") && source.address == "203.0.113.7"', true],
    ['source.inside("2001:db8::/32")', false],
    ['time.at("Europe/Berlin").hour == 23 && time.at("Europe/Berlin").minute == 30', true],
    ['time.at("Asia/Kathmandu").hour == 4 && time.at("Asia/Kathmandu").minute == 15', true],
    ['time.at("Asia/Tokyo").weekday == "thu" && time.at("UTC").weekday == "wed"', true],
    ['time.at("Asia/Tokyo").date == "2026-11-26"', true],
    ['time.now > timestamp("2026-11-25T00:00:00Z")', true],
  ];
  for (const [text, value] of expressions) {
    it(`${text} is ${String(value)}`, () => {
      assert.deepEqual(conditions.problems(text), []);
      assert.equal(evaluate(text), value);
    });
  }

  const mistakes: readonly (readonly [string, RegExp, number])[] = [
    ['consumer.groups ==', /end|EOF/i, 18],
    ['consumer.gruops == []', /gruops/, 9],
    ['tenant == "a"', /tenant/, 0],
    ['consumer.id == 1', /overload/, 0],
    ['consumer.id', /true or false.*string/, 0],
    ['true && request.headers.x == "a"', /headers/, 16],
    ['request.header("authorization") == ""', /no header that a condition may read/, 15],
    ['request.header(consumer.id) == ""', /written out/, 15],
    ['request.arg("a b") == ""', /letters, digits/, 12],
    ['source.inside("10.0.0.0/33")', /prefix length/, 14],
    ['source.inside("example.com")', /neither an address/, 14],
    ['time.at("Europe/Atlantis").hour > 8', /time zone/, 8],
    ['time.now.getHours("Europe/Berlin") > 8', /too slow/, 0],
    ['request.path.matches("(a+)+$")', /matches\(\) is not offered/, 0],
    ['dyn(request).token == 1', /dyn\(\) is not offered/, 0],
    ['request.segments.all(a, request.segments.all(b, a == b))', /inside another walk/, 24],
    [`consumer.id == "${'a'.repeat(5_000)}"`, /4096 characters/, 0],
  ];
  for (const [text, message, offset] of mistakes) {
    it(`refuses ${text.slice(0, 60)}`, () => {
      const [first] = conditions.problems(text);
      assert.match(first?.message ?? '', message);
      assert.equal(first?.offset, offset);
      assert.throws(() => conditions.compile(text), RangeError);
    });
  }

  it('names several mistakes of one expression', () => {
    assert.equal(conditions.problems('source.inside("x") && request.header("cookie") == "" && tenant').length, 3);
  });

  it('throws for what the gateway does not tell, and lets && and || decide where the other side does', () => {
    const bare = askedOf({ headers: {} });
    assert.throws(() => evaluate('request.model == "gpt-5"', bare));
    assert.throws(() => evaluate('source.inside("10.0.0.0/8")', bare));
    assert.throws(() => evaluate('request.query.alt[0] == "sse"', bare));
    assert.equal(evaluate('request.model == "gpt-5" && request.method == "GET"', bare), false);
    assert.equal(evaluate('request.model == "gpt-5" || request.method == "POST"', bare), true);
  });

  it('throws for a header that came twice with different values', () => {
    const twice = askedOf({ headers: { 'x-cf-arg-model': 'a' }, conflicting: ['x-cf-arg-model'] });
    assert.throws(() => evaluate('request.model == "a"', twice));
  });
});
