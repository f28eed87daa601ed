import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { runProgram } from '../../sidecar/cli/program.ts';
import { readVersion } from '../../sidecar/compose/package-files.ts';
import { createFakeTerminal } from './fake-terminal.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const secret = 'sk-live-the-secret-of-the-test';

describe('the command line against a running sidecar', () => {
  let sidecar: RunningSidecar;
  before(async () => {
    sidecar = await startSidecar();
  });
  after(() => sidecar.stop());

  it('says at the start where it listens, where the keys are, and what to type next', async () => {
    // After the line that says ready, which is what the harness waits for.
    for (let i = 0; i < 100 && !sidecar.stderr().includes('next'); i++) await wait(50);
    const banner = sidecar.stderr();
    for (const url of Object.values(sidecar.urls)) assert.ok(banner.includes(url), banner);
    assert.ok(banner.includes(join(sidecar.dataDir, 'keys')));
    assert.match(banner, /next +(npx )?credentialflow init/, 'nothing is served yet');
    for (const key of Object.values(sidecar.keys)) assert.ok(!banner.includes(key));
    for (const name of ['master', 'gateway', 'log', 'admin']) {
      assert.equal(statSync(join(sidecar.dataDir, 'keys', `${name}.key`)).mode & 0o777, 0o600);
    }
    for (const line of sidecar.logs) JSON.parse(line);
  });

  it('walks the way of a stranger: init, apply, set, issue, list, rotate, revoke', async () => {
    const home = dirname(sidecar.resourcesFile);
    assert.equal((await sidecar.cli(['init'])).code, 0);
    assert.ok(existsSync(join(home, 'resources.yaml')));

    const dry = await sidecar.cli(['apply', '-f', 'resources.yaml', '--dry-run']);
    assert.match(dry.stdout, /nothing was changed/);
    assert.match((await sidecar.cli(['get', 'upstreams'])).stdout, /no upstreams/);
    const applied = await sidecar.json(['apply', '-f', 'resources.yaml']);
    assert.equal(applied['created'], 4);
    assert.match((await sidecar.cli(['get', 'upstreams'])).stdout, /^ID .*\nopenai /);

    const set = await sidecar.cli(['credential', 'set', 'openai-main'], `${secret}\n`);
    assert.equal(set.code, 0, set.stderr);
    const shown = await sidecar.cli(['get', 'credential', 'openai-main']);
    assert.match(shown.stdout, /from: sealed/);
    const missing = await sidecar.cli(['credential', 'set', 'nope'], secret);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /upstream/);
    assert.equal((await sidecar.cli(['credential', 'set', 'second', '--upstream', 'openai'], secret)).code, 0);
    const bad = await sidecar.cli(['credential', 'set', 'openai-main'], 'a\nb');
    assert.equal(bad.code, 4, 'no header may carry it');

    const issued = await sidecar.cli(['token', 'issue', '--consumer', 'team-search', '--ttl', '30d']);
    assert.equal(issued.code, 0, issued.stderr);
    assert.match(issued.stdout, /^cf_\S+\n$/, 'stdout holds the token and nothing else');
    const listed = await sidecar.json(['token', 'list']);
    const [first] = listed['items'] as readonly { readonly id: string; readonly state: string }[];
    const id = first?.id ?? '';
    assert.equal(first?.state, 'active');
    const rotated = await sidecar.json(['token', 'rotate', id, '--overlap', '1h', '--ttl', '7d']);
    assert.equal(rotated['rotated_from'], id);
    assert.equal((await sidecar.json(['token', 'revoke', id]))['state'], 'revoked');
    const refused = await sidecar.cli(['token', 'issue', '--consumer', 'nobody']);
    assert.equal(refused.code, 4);
    assert.match(refused.stderr, /consumer/);

    assert.equal((await sidecar.json(['disable', 'consumer', 'team-search']))['disabled'], true);
    assert.equal((await sidecar.json(['enable', 'consumers', 'team-search']))['disabled'], false);
    const exported = await sidecar.cli(['export']);
    assert.match(exported.stdout, /^upstreams:/m);
    writeFileSync(join(home, 'export.yaml'), exported.stdout);
    const back = await sidecar.json(['apply', '-f', 'export.yaml']);
    assert.deepEqual([back['created'], back['updated'], back['deleted'], back['unchanged']], [0, 0, 0, 6]);
    assert.equal((await sidecar.cli(['delete', 'policy', 'search-may-chat'])).code, 0);
    const gone = await sidecar.cli(['get', 'policy', 'search-may-chat']);
    assert.equal(gone.code, 1);
    assert.match((await sidecar.cli(['audit'])).stdout, /token\.rotate/);

    const everything = [set, shown, missing, bad, exported].map(({ stdout, stderr }) => stdout + stderr).join('');
    assert.ok(!(everything + sidecar.logs.join('\n')).includes(secret));
  });

  it('names the file, line and column of what a document has wrong', async () => {
    writeFileSync(join(dirname(sidecar.resourcesFile), 'bad.yaml'), 'consumers:\n  - id: a\n    gruops: [x]\n');
    const { code, stderr } = await sidecar.cli(['apply', '-f', 'bad.yaml']);
    assert.equal(code, 4);
    assert.match(stderr, /^ {2}bad\.yaml:3:5 .*gruops/m);
  });

  it('refuses a document that takes away what a budget of somebody else relies on, and takes one that changes both', async () => {
    const home = dirname(sidecar.resourcesFile);
    const apply = async (text: string, ...more: readonly string[]) => {
      writeFileSync(join(home, 'team.yaml'), text);
      return sidecar.cli(['apply', '-f', 'team.yaml', ...more]);
    };
    const owned = ['--source', 'team', '--prune', '--allow-prune'];
    const upstream = (more: string): string => `upstreams:\n  - { id: metered, preset: openai${more} }\n`;
    const counted = upstream(', gateway: { ai_proxy: { provider: openai } }');
    const limit = (measure: string): string =>
      `limits:\n  - { id: spend, ${measure}: 9, window: 1d, upstreams: [metered] }\n`;
    assert.equal((await apply(counted, ...owned)).code, 0);
    assert.equal((await apply(limit('llm_tokens'))).code, 0);

    const before = (await sidecar.cli(['get', 'upstream', 'metered'])).stdout;
    const refused = [
      await apply(upstream(''), ...owned),
      await apply('consumers:\n  - { id: only, owner: o }\n', ...owned),
    ];
    for (const { code, stderr } of refused) {
      assert.equal(code, 1);
      assert.match(stderr, /the limit spend would count nothing any more: it relies on ai_proxy of metered/);
      assert.match(stderr, /change or delete the limit spend first/);
    }
    assert.match(refused[0]?.stderr ?? '', /team\.yaml:2:/);
    assert.equal((await sidecar.cli(['get', 'upstream', 'metered'])).stdout, before);

    assert.equal((await sidecar.cli(['delete', 'limit', 'spend'])).code, 0);
    assert.equal((await apply(counted + limit('llm_tokens'), ...owned)).code, 0);
    assert.equal((await apply(upstream('') + limit('requests'), ...owned)).code, 0);
  });

  it('rotates the key of its gateway where it reads it again, and prints it', async () => {
    const { stdout, code } = await sidecar.cli(['gateway', 'rotate', '--overlap', '2h']);
    assert.equal(code, 0);
    assert.notEqual(stdout.trim(), sidecar.keys.gateway);
    assert.equal(readFileSync(join(sidecar.dataDir, 'keys/gateway.key'), 'utf8').trim(), stdout.trim());
    assert.ok((await sidecar.cli(['gateway', 'env'])).stdout.includes(stdout.trim()));
  });

  it('seals with the key of the sidecar', async () => {
    const printed = await sidecar.json(['seal', '--print-key']);
    assert.equal(printed['crv'], 'X25519');
    const sealed = await sidecar.cli(['seal', '--credential', 'openai-main', '--from', 'server'], secret);
    assert.match(sealed.stdout, /^secret: \{ from: sealed, value: \S+ \}\n$/);
  });

  it('says that it is ready, and what it is', async () => {
    assert.equal((await sidecar.cli(['health'])).code, 0);
    assert.equal((await sidecar.json(['status']))['ready'], true);
    assert.equal((await sidecar.json(['version']))['version'], readVersion());
  });

  it('finds the sidecar of the data directory by itself, and its key', async () => {
    const terminal = createFakeTerminal({ env: { CREDENTIALFLOW_DATA_DIR: sidecar.dataDir } });
    assert.equal(await runProgram(['status', '--json'], terminal), 0, terminal.written.err);
    assert.equal((JSON.parse(terminal.written.out) as { data_dir: string }).data_dir, sidecar.dataDir);
    assert.equal(await runProgram(['health'], terminal), 0, terminal.written.err);
  });

  it('tells what answers but is no admin API', async () => {
    for (const url of [sidecar.urls.metrics, sidecar.urls.data]) {
      const { code, stderr } = await sidecar.cli(['status', '--admin-url', url]);
      assert.equal(code, 1);
      assert.match(stderr, /^error: .* answered 404, not as an admin API does\nfix: /);
    }
  });

  it('says what is wrong with an option once, and that it is wrong usage', async () => {
    const { code, stderr } = await sidecar.cli(['token', 'issue', '--consumer', 'team-search', '--ttl', '10']);
    assert.equal(code, 2);
    assert.equal(stderr.match(/must be a duration/g)?.length, 1, stderr);
  });
});
