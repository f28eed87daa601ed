import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { Decision } from '../../sidecar/core/decision.ts';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import { createNesting, cyclesOf, type Memberships } from '../../sidecar/snapshot/nesting.ts';
import { deciding, factsOf, outcomeOf, question, resource, snapshotOf, usual } from '../support/deciding.ts';

const tableOf = (groups: Readonly<Record<string, Memberships>>) => new Map(Object.entries(groups));

describe('groups within groups', () => {
  it('are found through any depth, nearest first, and once', () => {
    const { allOf } = createNesting(tableOf({ a: ['b', 'c'], b: ['d'], c: ['d'] }));
    assert.deepEqual(allOf(['a']), ['a', 'b', 'c', 'd']);
    assert.deepEqual(allOf(['d', 'x']), ['d', 'x']);
  });

  it('end where a circle closes, and name who is in it', () => {
    const table = tableOf({ a: ['b'], b: ['a'], c: ['a'] });
    assert.deepEqual(createNesting(table).allOf(['c']), ['c', 'a', 'b']);
    assert.deepEqual(cyclesOf(table).map(({ id }) => id), ['a', 'b']); // prettier-ignore
  });

  it('are unknown as soon as one of them is damaged', () => {
    assert.equal(createNesting(tableOf({ a: ['b'], b: 'damaged' })).allOf(['a']), undefined);
  });
});

async function outcome(records: readonly ResourceRecord[], policies?: readonly string[]): Promise<string> {
  const ctx = deciding(await snapshotOf(records));
  if (policies !== undefined) ctx.tokens.set('cf_team', { ...factsOf('team'), policies });
  return outcomeOf(decide(question(), ctx) as Decision);
}

describe('a decision', () => {
  const [first, second, third] = usual();
  const base = [first, second, third].filter((record) => record !== undefined);
  const inside = resource('consumer', 'team', { groups: ['search-eu'] });
  const groups = [
    resource('group', 'search-eu', { member_of: ['search'] }),
    resource('group', 'search', { member_of: ['engineering'] }),
  ];
  const allowed = resource('policy', 'chat', { groups: ['engineering'] });

  it('finds a consumer by a group above its own, to allow and to deny', async () => {
    assert.equal(await outcome([...base, inside, allowed]), 'policy_no_match');
    assert.equal(await outcome([...base, inside, allowed, ...groups]), 'allow');
    const denied = resource('policy', 'no', { effect: 'deny', groups: ['search'] });
    assert.equal(await outcome([...base, inside, allowed, ...groups, denied]), 'policy_denied');
    const byCondition = resource('policy', 'no', { effect: 'deny', consumers: ['*'], when: '"search" in consumer.groups' }); // prettier-ignore
    assert.equal(await outcome([...base, inside, allowed, ...groups, byCondition]), 'policy_denied');
  });

  it('leaves out a disabled group', async () => {
    const off = resource('group', 'search', { member_of: ['engineering'] }, true);
    assert.equal(await outcome([...base, inside, allowed, ...groups.slice(0, 1), off]), 'policy_no_match');
  });

  it('allows a narrowed token what the named policies allow', async () => {
    const own = [...base, inside, ...groups, allowed];
    assert.equal(await outcome(own, ['chat']), 'allow');
    assert.equal(await outcome(own, ['other']), 'policy_no_match');
  });
});
