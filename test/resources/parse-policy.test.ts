import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicySpec } from '../../sidecar/core/resources.ts';
import { parseResourceBody, toResourceBody } from '../../sidecar/resources/parse-body.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';
import { deps } from './support/deps.ts';

const head = `upstreams:
  - id: api
    preset: openai
consumers:
  - id: team
    owner: a@example.com
policies:
`;
const policy = (id: string, rest: string): string =>
  `  - id: ${id}\n    effect: allow\n    consumers: [team]\n    upstreams: [api]\n${rest}`;

function read(text: string) {
  return parseResources(head + text, 'resources.yaml', deps);
}
const placesOf = (text: string): readonly string[] =>
  read(text)
    .problems.filter(({ severity }) => severity === 'error')
    .map(({ path, line, column, message }) => `${path ?? ''} ${String(line)}:${String(column)} ${message}`);

describe('conditions and times of policies in a file', () => {
  it('points at the character of each mistake, however the text is written, all at once', () => {
    const places = placesOf(
      policy('plain', '    when: consumer.gruops == []\n') +
        policy('double', '    when: "true && tenant == \\"a\\""\n') +
        policy('single', "    when: 'request.model == ''a'' && tenant'\n") +
        policy('block', '    when: |\n      request.model == "a"\n        && request.header("cookie") == ""\n') +
        policy('folded', '    when: >-\n      true &&\n      1\n'),
    );
    assert.deepEqual(
      places.map((place) => place.split(' ').slice(0, 2).join(' ')),
      [
        'policies[0].when 12:20',
        'policies[1].when 17:20',
        'policies[2].when 22:38',
        'policies[3].when 29:27',
        'policies[4].when 35:7',
      ],
    );
    assert.match(places[3] ?? '', /no header that a condition may read/);
  });

  it('names a wrong schedule, time or mode', () => {
    const places = placesOf(
      policy('zone', '    schedule: { zone: Mars/Base }\n') +
        policy('hours', '    schedule: { zone: UTC, hours: 8-18 }\n') +
        policy('days', '    schedule: { zone: UTC, days: [] }\n') +
        policy('times', '    not_before: 2027-01-01T00:00:00Z\n    expires_at: 2026-01-01T00:00:00Z\n') +
        policy('mode', '    mode: quiet\n'),
    );
    const paths = places.map((place) => place.split(' ')[0]);
    assert.deepEqual(paths, [
      'policies[0].schedule.zone',
      'policies[1].schedule.hours',
      'policies[2].schedule.days',
      'policies[3].not_before',
      'policies[4].mode',
    ]);
  });

  it('reads back what it writes', () => {
    const text = policy(
      'all',
      '    not_before: 2026-01-01T00:00:00Z\n    schedule: { zone: UTC, days: [mon], hours: "08:00-18:00" }\n    when: request.model == "a"\n    mode: shadow\n',
    );
    const { mutations } = read(text);
    const put = mutations.find((mutation) => mutation.op === 'put' && mutation.kind === 'policy');
    assert.ok(put?.op === 'put');
    const spec = put.spec as PolicySpec;
    assert.equal(spec.mode, 'shadow');
    const again = parseResourceBody('policy', toResourceBody('policy', 'all', spec), deps);
    assert.ok(again.ok);
    assert.deepEqual(again.spec, spec);
  });

  it('tells the admin API the character of a mistake', () => {
    const body = { id: 'p', effect: 'allow', consumers: ['*'], upstreams: ['*'], when: 'true && tenant' };
    const parsed = parseResourceBody('policy', body, deps);
    assert.equal(parsed.ok, false);
    assert.match(parsed.problems[0]?.message ?? '', /tenant \(at character 9\)/);
  });
});

describe('groups in a file', () => {
  it('refuses circles where they close, and knows what is above a group', () => {
    const groups = `groups:
  - id: a
    member_of: [b]
  - id: b
    member_of: [x, c]
  - id: c
    member_of: [a]
  - id: self
    member_of: [self]
`;
    const errors = parseResources(groups, 'groups.yaml', deps).problems;
    assert.deepEqual(
      errors.map(({ path, line, column, message }) => [path, line, column, message]),
      [
        ['groups[3].member_of', 9, 16, 'names the group itself'],
        ['groups[2].member_of[0]', 7, 17, 'closes a circle: a is in b is in c is in a'],
        ['groups[3].member_of[0]', 9, 17, 'closes a circle: self is in self'],
      ],
    );
  });
});
