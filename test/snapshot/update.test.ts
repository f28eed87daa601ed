/** A snapshot that follows changes is the snapshot that a build from scratch makes of the same resources. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decide } from '../../sidecar/core/decide.ts';
import type { ResourceChange } from '../../sidecar/core/ports.ts';
import { resourceKinds, type ResourceKind, type ResourceRecord } from '../../sidecar/core/resources.ts';
import { buildSnapshot, updateSnapshot, type BuiltSnapshot } from '../../sidecar/snapshot/build.ts';
import { deciding, outcomeOf, question, resource, snapshotDeps, usual } from '../support/deciding.ts';
import { changesOf, chunksOf, viewOf } from '../support/snapshot-view.ts';

const identity = { storeId: 'store', epoch: 1 };

const build = (records: readonly ResourceRecord[], revision = 1): Promise<BuiltSnapshot> =>
  buildSnapshot({ ...identity, revision, chunks: chunksOf(records) }, snapshotDeps());

const update = (
  previous: BuiltSnapshot,
  changes: readonly ResourceChange[],
  secrets: ReadonlySet<string> = new Set(),
): Promise<BuiltSnapshot> =>
  updateSnapshot(
    previous,
    { ...identity, revision: previous.snapshot.revision + 1, chunks: changesOf(changes), secrets },
    snapshotDeps(),
  );

const changed = (record: ResourceRecord): ResourceChange => ({ kind: record.kind, id: record.id, record });
const removed = (kind: ResourceKind, id: string): ResourceChange => ({ kind, id, record: undefined });
/** As a store hands it out whose row does not parse. */
const corrupt = (kind: ResourceKind, id: string): ResourceRecord => ({ ...resource(kind, id), spec: null }) as never;

const ids = ['a', 'b', 'c'] as const;
const id = fc.constantFrom(...ids);
const some = <T>(...values: T[]): fc.Arbitrary<T[]> => fc.subarray(values);
const upstreams = some('a', 'b', 'c', '*');

const specs: { readonly [K in ResourceKind]: fc.Arbitrary<Readonly<Record<string, unknown>>> } = {
  gateway: fc.record({
    keys: fc.array(
      fc.record({ sha256: fc.constantFrom('k1', 'k2'), created_at: fc.constant('2026-01-01T00:00:00Z') }),
      { maxLength: 2 },
    ),
    upstreams,
    addresses: fc.constantFrom([], ['10.0.0.0/8'], ['no address']),
  }),
  upstream: fc.record({
    preset: fc.constantFrom('test', 'test', 'unheard-of'),
    prefix: fc.constantFrom('/api', '/', '/a/../b'),
    routes: some('r1', 'r2'),
    steering_headers: some('x-pays'),
    identity_header: fc.boolean(),
  }),
  credential: fc.record({
    upstream: id,
    secret: fc.constantFrom(undefined, { from: 'test', value: 's1' }, { from: 'test', value: 's2' }, { from: 'test' }),
    headers: fc.constantFrom({}, { 'test-project': 'p' }),
  }),
  consumer: fc.record({
    groups: some('g1', 'g2', 'a', 'b'),
    labels: fc.constantFrom({}, { tier: 'gold' }, { tier: 'gold', eu: '1' }),
  }),
  issuer: fc.record({
    issuer: fc.constantFrom('https://one.example.test', 'https://two.example.test'),
    consumer: fc.constantFrom('${sub}', 'ci-${repository}', '${broken'),
    consumers: fc.constantFrom('known', 'any'),
    required_claims: fc.constantFrom({}, { 'a.b': ['1', '2'] }, { 'a..b': [] }),
  }),
  revocation: fc.record({
    issuer: some('a', 'b').map(([first]) => first ?? 'c'),
    jti: fc.constantFrom(undefined, 'j1', 'j2'),
    subject: fc.constantFrom(undefined, 's1'),
    issued_before: fc.constantFrom(undefined, '2026-01-01T00:00:00Z', 'never'),
  }),
  group: fc.record({ member_of: some('a', 'b', 'g1', 'g2') }),
  policy: fc.record({
    when: fc.constantFrom(undefined, 'consumer.id == "a"', 'tenant'),
    mode: fc.constantFrom(undefined, 'shadow'),
    effect: fc.constantFrom('allow', 'deny'),
    consumers: some('a', 'b', '*'),
    groups: some('g1', 'g2'),
    labels: fc.constantFrom({}, { tier: 'gold' }, { tier: 'gold', eu: '1' }),
    upstreams,
    methods: some('GET', 'POST'),
    paths: some('/v1', '/v1/*', '/v1/**', '/x*y/z', '/**/a/**'),
  }),
  limit: fc.record({
    consumers: some('a', 'b', '*'),
    groups: some('g1', 'g2'),
    labels: fc.constantFrom({}, { tier: 'gold', eu: '1' }),
    upstreams,
    per: some('consumer', 'token', 'group'),
    measure: fc.constantFrom('requests', 'concurrent'),
    most: fc.constantFrom(0, 5),
    window_ms: fc.constantFrom(1_000, 60_000),
    mode: fc.constantFrom('enforce', 'warn'),
  }),
};

const change = fc.constantFrom(...resourceKinds).chain((kind) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(id, specs[kind], fc.integer({ max: 4, min: 0 })).map(([name, spec, die]) => changed(resource(kind, name, spec, die === 0))) }, // prettier-ignore
    { weight: 2, arbitrary: id.map((name) => removed(kind, name)) },
    { weight: 1, arbitrary: id.map((name) => changed(corrupt(kind, name))) },
    // A field of another shape; the others stay readable.
    { weight: 1, arbitrary: fc.tuple(id, specs[kind]).map(([name, spec]) => changed(resource(kind, name, { ...spec, [Object.keys(spec)[0] ?? '']: 7 }))) }, // prettier-ignore
  ),
);

describe('updateSnapshot', () => {
  it('equals a build from scratch after any sequence of changes, and leaves earlier snapshots as they were', async () => {
    const batches = fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(batches, async (sequence) => {
        const held = new Map<string, ResourceRecord>();
        let built = await build([]);
        for (const batch of sequence) {
          // The store names a resource once, as it is in the end.
          const last = new Map(batch.map((one) => [`${one.kind}/${one.id}`, one]));
          for (const [key, { record }] of last) {
            if (record === undefined) held.delete(key);
            else held.set(key, record);
          }
          const before = viewOf(built.snapshot);
          const next = await update(built, [...last.values()]);
          assert.deepEqual(viewOf(built.snapshot), before);
          built = next;
          const records = [...held.values()].sort((a, b) => (`${a.kind}/${a.id}` < `${b.kind}/${b.id}` ? -1 : 1));
          const scratch = await build(records, built.snapshot.revision);
          assert.deepEqual(viewOf(built.snapshot), viewOf(scratch.snapshot));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('equals it after more changes than lie over a table', async () => {
    const consumers = (group: string, count: number): ResourceRecord[] =>
      Array.from({ length: count }, (_, i) => resource('consumer', `c${String(i)}`, { groups: [group] }));
    let built = await build(consumers('g1', 3_000));
    for (const count of [600, 600, 2_500, 10]) {
      built = await update(built, consumers('g2', count).map(changed));
      built = await update(built, [removed('consumer', `c${String(count)}`), removed('consumer', 'never-there')]);
    }
    const expected = [...consumers('g2', 2_500), ...consumers('g1', 3_000).slice(2_500)].filter(
      (record) => !['c2500', 'c10'].includes(record.id),
    );
    assert.deepEqual(viewOf(built.snapshot), viewOf((await build(expected, built.snapshot.revision)).snapshot));
  });

  it('compiles only what a change is about', async () => {
    const first = await build([...usual(), resource('upstream', 'other', { prefix: '/other', routes: ['other'] })]);
    const consumer = await update(first, [changed(resource('consumer', 'new'))]);
    assert.equal(consumer.snapshot.upstreams, first.snapshot.upstreams);
    assert.equal(consumer.snapshot.policiesBySubject, first.snapshot.policiesBySubject);
    const policy = await update(consumer, [changed(resource('policy', 'p', { consumers: ['new'] }))]);
    const entries = ['api', 'other'].map((name) =>
      [policy, consumer].map(({ snapshot }) => snapshot.upstreams.get(name)),
    );
    assert.notEqual(entries[0]?.[0], entries[0]?.[1]);
    assert.equal(entries[0]?.[0]?.credentials, entries[0]?.[1]?.credentials);
    assert.equal(entries[1]?.[0], entries[1]?.[1]);
  });

  it('reads a changed secret anew without a change of the store', async () => {
    const secrets = new Map([['api-main', 'old']]);
    const deps = {
      ...snapshotDeps(),
      createInjector: () => ({ kind: 'test', headers: ['authorization'], inject: () => ['authorization', secrets.get('api-main') ?? ''] }), // prettier-ignore
    };
    const first = await buildSnapshot({ ...identity, revision: 3, chunks: chunksOf(usual()) }, deps);
    secrets.set('api-main', 'new');
    const none = { ...first.snapshot, chunks: changesOf() };
    const same = await updateSnapshot(first, { ...none, secrets: new Set(['unknown']) }, deps);
    const next = await updateSnapshot(same, { ...none, secrets: new Set(['api-main']) }, deps);
    const used = ({ snapshot }: BuiltSnapshot): boolean =>
      snapshot.upstreams.get('api')?.credentials[0]?.headers?.reveal().includes('new') ?? false;
    assert.deepEqual([used(same), used(next), next.snapshot.revision], [false, true, 3]);
  });
});

describe('a corrupt resource', () => {
  const decideBy = async ({ snapshot }: BuiltSnapshot): Promise<string> =>
    outcomeOf(await decide(question(), deciding(snapshot)));
  const names = ({ snapshot }: BuiltSnapshot): string[] =>
    snapshot.problems.map((problem) => `${problem.kind}/${problem.id}`);

  const denials: readonly (readonly [ResourceKind, string, string])[] = [
    ['gateway', 'default', 'gateway_key_unknown'],
    ['upstream', 'api', 'upstream_unknown'],
    ['credential', 'api-main', 'credential_missing'],
    ['consumer', 'team', 'consumer_unknown'],
    ['policy', 'chat', 'policy_no_match'],
    ['group', 'search', 'groups_unknown'],
  ];
  for (const [kind, name, code] of denials) {
    it(`denies what depends on it, alone, until it is repaired: ${kind}`, async () => {
      const whole = usual().find((record) => record.kind === kind) ?? resource(kind, name);
      const bystander = resource('consumer', 'bystander', { groups: ['search'] });
      const first = await build([...usual(), bystander]);
      assert.equal(await decideBy(first), 'allow');
      const broken = await update(first, [changed(corrupt(kind, name))]);
      assert.equal(await decideBy(broken), code);
      assert.deepEqual(names(broken), [`${kind}/${name}`]);
      assert.ok(broken.snapshot.consumers.get('bystander'));
      const repaired = await update(broken, [changed(whole)]);
      assert.equal(await decideBy(repaired), 'allow');
      assert.deepEqual(names(repaired), []);
    });
  }

  it('denies more, not less, where it was a deny rule', async () => {
    const denying = { effect: 'deny', groups: ['search'], methods: ['DELETE'], paths: ['/v1/admin'] } as const;
    const narrow = await build([...usual(), resource('policy', 'no', denying)]);
    assert.equal(await decideBy(narrow), 'allow');
    for (const wrong of [
      { paths: ['/**/a/**'] },
      { paths: 'x' },
      { methods: null },
      { groups: 1 },
      { upstreams: {} },
    ]) {
      const broken = await update(narrow, [changed(resource('policy', 'no', { ...denying, ...(wrong as object) }))]);
      assert.equal(await decideBy(broken), 'policy_denied', JSON.stringify(wrong));
      assert.deepEqual(names(broken), ['policy/no']);
    }
    const elsewhere = { ...denying, upstreams: ['other'], paths: ['no path'] };
    assert.equal(await decideBy(await update(narrow, [changed(resource('policy', 'no', elsewhere))])), 'allow');
    const off = await update(narrow, [changed({ ...corrupt('policy', 'no'), disabled: true })]);
    assert.deepEqual([await decideBy(off), names(off)], ['allow', []]);
  });
});
