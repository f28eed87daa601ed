import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const cwd = mkdtempSync(join(tmpdir(), 'credentialflow-policy-'));
after(() => rmSync(cwd, { recursive: true, force: true }));
const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);

async function run(...args: readonly string[]) {
  const terminal = createFakeTerminal({ cwd });
  const code = await runProgram(args, terminal);
  return { code, ...terminal.written };
}
async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { out, err } = await run(...args, '--json');
  assert.notEqual(out, '', err);
  return JSON.parse(out) as Record<string, unknown>;
}

const resources = (policies: string): string => `
upstreams:
  - { id: openai, preset: openai }
  - { id: llama, preset: generic, base_url: 'https://llama.example/v2', prefix: /models/llama }
consumers:
  - { id: team, owner: a@example.com, groups: [search] }
  - { id: other, owner: b@example.com, groups: [ops] }
policies:
${policies}`;
const chat =
  "  - { id: chat, effect: allow, groups: [search], upstreams: ['*'], methods: [POST], paths: ['/v1/chat/**'] }\n";
const files =
  "  - { id: no-files, effect: deny, consumers: ['*'], upstreams: [openai], paths: ['/v1/chat/files/**'] }\n";
const small =
  '  - { id: small, effect: deny, groups: [search], upstreams: [openai], when: \'request.model == "big"\' }\n';
write('resources.yaml', resources(chat + files));
write('small.yaml', resources(chat + small));

describe('policy test', () => {
  const tests = `
cases:
  - name: the team may chat
    given: { consumer: team, upstream: openai, method: post, path: /v1/chat/completions }
    expect: allow
  - name: also behind a prefix
    given: { consumer: team, upstream: llama, method: POST, path: /v1/chat/x, time: 2026-11-25T12:00:00Z }
    expect: { outcome: allow, policy: chat }
  - name: nobody reads files
    given: { consumer: team, upstream: openai, method: POST, path: /v1/chat/files/1 }
    expect: { outcome: deny, code: policy_denied, policy: no-files }
  - name: others may not
    given: { consumer: other, upstream: openai, method: POST, path: /v1/chat/completions }
    expect: { outcome: deny, code: policy_no_match }
`;

  it('passes where everything is as expected', async () => {
    write('tests.yaml', tests);
    const { code, out, err } = await run('policy', 'test', '-f', 'resources.yaml', 'tests.yaml');
    assert.equal(code, 0, out + err);
    assert.match(out, /4 passed, 0 failed/);
  });

  it('fails with place, expectation and finding, and writes JUnit', async () => {
    write('tests.yaml', tests.replace('expect: allow', 'expect: deny').replace('policy: chat', 'policy: <other>'));
    const { code, out } = await run('policy', 'test', '-f', 'resources.yaml', 'tests.yaml', '--junit', 'junit.xml');
    assert.equal(code, 1);
    assert.match(out, /FAIL {2}the team may chat \(tests.yaml:3\): expected deny, found allow by chat/);
    assert.match(out, /2 passed, 2 failed/);
    const junit = readFileSync(join(cwd, 'junit.xml'), 'utf8');
    assert.match(junit, /tests="4" failures="2"/);
    assert.match(junit, /expected allow by &lt;other&gt;, found allow by chat/);
  });

  it('knows model, address, headers, scopes and time', async () => {
    write('when.yaml', resources('  - { id: when, effect: allow, groups: [search], upstreams: [openai], schedule: { zone: UTC, hours: "08:00-18:00" }, when: \'request.model == "a" && source.inside("10.0.0.0/8") && request.header("x-tenant") == "t"\' }\n')); // prettier-ignore
    const given = 'consumer: team, upstream: openai, path: /x';
    const all = 'model: a, address: 10.1.1.1, headers: { X-Tenant: t }';
    write('tests.yaml', `cases:
  - { name: all, given: { ${given}, ${all}, time: '2026-11-25T12:00:00Z' }, expect: allow }
  - { name: late, given: { ${given}, ${all}, time: '2026-11-25T19:00:00Z' }, expect: deny }
  - { name: unsaid, given: { ${given}, time: '2026-11-25T12:00:00Z' }, expect: deny }
  - { name: narrowed, given: { ${given}, ${all}, scopes: [none], time: '2026-11-25T12:00:00Z' }, expect: deny }
`); // prettier-ignore
    const { code, out, err } = await run('policy', 'test', '-f', 'when.yaml', 'tests.yaml');
    assert.equal(code, 0, out + err);
  });

  it('knows tokens of other issuers by their claims', async () => {
    const issuers = `issuers:
  - id: github
    preset: github-actions
    audience: urn:api
    required_claims: { repository_owner: acme, ref: refs/heads/main }
    consumers: any
`;
    const ci = "  - { id: ci, effect: allow, groups: ['github:acme'], upstreams: [openai], when: '\"chat\" in token.scopes' }\n"; // prettier-ignore
    write('ci.yaml', issuers + resources(ci));
    const given = 'issuer: github, upstream: openai, path: /v1/models';
    const claims = 'repository: acme/web, repository_owner: acme, ref: refs/heads/main, scope: chat';
    write('tests.yaml', `cases:
  - { name: main, given: { ${given}, claims: { ${claims} } }, expect: { outcome: allow, policy: ci } }
  - { name: scope, given: { ${given}, claims: { ${claims.replace('chat', 'x')} } }, expect: { outcome: deny, code: policy_no_match } }
  - { name: branch, given: { ${given}, claims: { ${claims.replace('main', 'dev')} } }, expect: { outcome: deny, code: token_claims_refused } }
  - { name: nobody, given: { ${given.replace('github', 'gitlab')}, claims: {} }, expect: { outcome: deny, code: issuer_unknown } }
`); // prettier-ignore
    const { code, out, err } = await run('policy', 'test', '-f', 'ci.yaml', 'tests.yaml');
    assert.equal(code, 0, out + err);
    for (const [who, problem] of [
      ['consumer: team, issuer: github, claims: {}', /needs a consumer, or an issuer/],
      ['issuer: github', /go together/],
      ['issuer: github, claims: {}, scopes: [a]', /narrow opaque tokens/],
    ] as const) {
      write('wrong.yaml', `cases: [{ name: a, given: { ${who}, upstream: openai, path: /x }, expect: deny }]`);
      const wrong = await run('policy', 'test', '-f', 'ci.yaml', 'wrong.yaml');
      assert.equal(wrong.code, 4);
      assert.match(wrong.err, problem);
    }
  });

  it('names every mistake of tests and resources', async () => {
    write(
      'wrong.yaml',
      'cases:\n  - name: a\n    given: { consumer: team, path: x }\n    expect: maybe\n    extra: 1\n',
    );
    const { code, err } = await run('policy', 'test', '-f', 'resources.yaml', 'wrong.yaml');
    assert.equal(code, 4);
    for (const word of ['wrong.yaml:3:', 'upstream', 'path', 'expect', 'extra']) assert.ok(err.includes(word), err);
    write('broken.yaml', resources('  - { id: x, effect: allow, groups: [a], upstreams: [openai], when: tenant }\n'));
    const broken = await run('policy', 'test', '-f', 'broken.yaml', 'tests.yaml');
    assert.equal(broken.code, 4);
    assert.match(broken.err, /broken.yaml:9:\d+ policies\[0\].when: CEL/);
  });
});

const line = (more: Readonly<Record<string, string>>): string =>
  JSON.stringify({ time: '2026-11-20T12:00:00.000Z', event: 'decision', outcome: 'allow', upstream: 'openai', method: 'POST', path: '/openai/v1/chat/completions', consumer: 'team', token: 'tok_1', policy: 'chat', ...more }); // prettier-ignore
write(
  'audit.jsonl',
  [
    line({}),
    line({ path: '/v1/chat/completions' }),
    line({ path: '/openai/v1/chat/files/1' }),
    line({ outcome: 'deny', code: 'policy_no_match', policy: '', path: '/openai/v1/models', method: 'GET' }),
    line({ outcome: 'deny', code: 'token_unknown', consumer: '', policy: '' }),
    '{"event":"gap","lost":3}',
    '{"cut o',
  ].join('\n'),
);

describe('policy diff', () => {
  it('says who would gain and who would lose by an audit file', async () => {
    const models = '  - { id: models, effect: allow, groups: [search], upstreams: [openai], methods: [GET] }\n';
    write('candidate.yaml', resources(chat + files + models));
    const args = ['policy', 'diff', '--candidate', 'candidate.yaml', '--audit', 'audit.jsonl'];
    const { decisions, changes } = await json(...args);
    assert.equal(decisions, 4);
    const about = { consumer: 'team', upstream: 'openai', count: 1 };
    assert.deepEqual(changes, [
      { ...about, change: 'gains', method: 'GET', path: '/openai/v1/models', policy: 'models' },
      { ...about, change: 'loses', method: 'POST', path: '/openai/v1/chat/files/1', policy: 'no-files' },
    ]);
    assert.equal((await run(...args)).code, 0);
    assert.equal((await run(...args, '--exit-code')).code, 1);
  });

  it('takes rotated files in any order, and a decision that is in two of them once', async () => {
    const files = [line({ decision: 'd_1', time: '2026-11-19T00:00:00Z' }), line({ decision: 'd_2' }), line({ decision: 'd_3', time: '2026-11-22T00:00:00Z' })]; // prettier-ignore
    write('decisions.log.1', files.slice(0, 2).join('\n'));
    write('decisions.log', files.slice(1).join('\n'));
    for (const [first = '', second = ''] of [
      ['decisions.log', 'decisions.log.1'],
      ['decisions.log.1', 'decisions.log'],
    ]) {
      const audit = ['--audit', first, '--audit', second];
      const { decisions } = await json('policy', 'diff', ...audit, '--candidate', 'resources.yaml');
      assert.equal(decisions, 3);
      const used = await json('policy', 'suggest', '-f', 'resources.yaml', ...audit, '--days', '1');
      assert.deepEqual(
        [used['decisions'], used['from'], used['to']],
        [1, '2026-11-22T00:00:00Z', '2026-11-22T00:00:00Z'],
      );
    }
    const { code, err } = await run('policy', 'diff', '--candidate', 'resources.yaml', '--audit', 'decisions.log', '--audit', 'gone.log'); // prettier-ignore
    assert.notEqual(code, 0);
    assert.match(err, /gone\.log/);
  });

  it('does not guess what a condition would have read', async () => {
    const { changes } = await json('policy', 'diff', '--candidate', 'small.yaml', '--audit', 'audit.jsonl');
    const kinds = (changes as readonly { readonly change: string }[]).map(({ change }) => change);
    assert.deepEqual([...new Set(kinds)], ['unsure']);
  });
});

describe('policy diff', () => {
  it('does not guess which groups another issuer’s token gave', async () => {
    write('jwt.jsonl', line({ token: 'jwt_3f2a9c0d1e2f3a4b5c6d7e8f', consumer: 'corp/jane' }));
    const { changes } = await json('policy', 'diff', '--candidate', 'resources.yaml', '--audit', 'jwt.jsonl');
    assert.deepEqual((changes as readonly { readonly change: string }[]).map(({ change }) => change), ['unsure']); // prettier-ignore
  });
});

describe('policy suggest', () => {
  it('names policies that decided nothing within the days before the last decision', async () => {
    write('old.jsonl', [line({ time: '2026-01-01T00:00:00Z', policy: 'no-files' }), line({})].join('\n'));
    const recent = await json('policy', 'suggest', '-f', 'resources.yaml', '--audit', 'old.jsonl');
    assert.deepEqual(recent['unused'], [{ id: 'no-files', effect: 'deny' }]);
    const all = await json('policy', 'suggest', '-f', 'resources.yaml', '--audit', 'old.jsonl', '--days', '400');
    assert.deepEqual(all['unused'], []);
  });

  it('writes the narrowest policy that would have allowed what was allowed', async () => {
    const args = ['-f', 'resources.yaml', '--audit', 'audit.jsonl', '--consumer', 'team', '--upstream', 'openai'];
    const { narrowest } = await json('policy', 'suggest', ...args);
    write('narrow.yaml', resources(String(narrowest).replace(/^policies:\n/, '')));
    assert.match(String(narrowest), /paths:\n +- \/v1\/chat\/completions\n +- \/v1\/chat\/files\/1\n/);
    const { changes } = await json('policy', 'diff', '--candidate', 'narrow.yaml', '--audit', 'audit.jsonl');
    assert.deepEqual(changes, []);
  });
});
