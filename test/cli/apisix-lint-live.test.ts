import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const key = 'not-a-real-admin-key';
const cwd = mkdtempSync(join(tmpdir(), 'credentialflow-lint-live-'));
after(() => rmSync(cwd, { recursive: true, force: true }));
const dump = JSON.parse(readFileSync('test/gateway/lint/corpus/good/admin-routes.json', 'utf8')) as {
  list: { key: string; value: { plugins: Record<string, Record<string, unknown>> } }[];
};

/** An Admin API and a Control API as a gateway answers them. */
async function startGateway(routes: unknown, more: Readonly<Record<string, unknown>> = {}) {
  const asked: string[] = [];
  const answers: Readonly<Record<string, unknown>> = { '/apisix/admin/routes': routes, ...more };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.setHeader('server', 'APISIX/3.18.0');
    const admin = request.url?.startsWith('/apisix/admin') === true;
    const body = answers[request.url ?? ''];
    response.statusCode = admin && request.headers['x-api-key'] !== key ? 401 : body === undefined ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(response.statusCode === 200 ? JSON.stringify(body) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, stop: () => new Promise((resolve) => server.close(resolve)) };
}

async function lint(args: readonly string[], env: Readonly<Record<string, string>> = { APISIX_ADMIN_KEY: key }) {
  const terminal = createFakeTerminal({ cwd, env });
  const code = await runProgram(['apisix', 'lint', ...args], terminal);
  assert.ok(!`${terminal.written.out}${terminal.written.err}`.includes(key), 'the key is not repeated');
  return { code, ...terminal.written };
}

describe('apisix lint of a running gateway', () => {
  it('reads the Admin API, and only reads', async () => {
    const gateway = await startGateway(dump, { '/apisix/admin/global_rules': { total: 0, list: [] } });
    try {
      const { code, out } = await lint(['--admin', gateway.url]);
      assert.equal(code, 0, out);
      assert.match(out, /no findings/);
      assert.ok(gateway.asked.length > 4 && gateway.asked.every((one) => one.startsWith('GET ')));
    } finally {
      await gateway.stop();
    }
  });
  it('names the resource by its URL, without a line', async () => {
    const bad = structuredClone(dump);
    const auth = bad.list[0]?.value.plugins['forward-auth'] ?? assert.fail();
    auth['allow_degradation'] = true;
    const gateway = await startGateway(bad, {
      '/apisix/admin/global_rules': {
        list: [
          { key: '/apisix/global_rules/1', value: { id: '1', plugins: { 'file-logger': { path: 'logs/all.log' } } } },
        ],
      },
    });
    try {
      writeFileSync(join(cwd, 'admin.key'), `${key}\n`);
      const { code, out } = await lint(['--admin', `${gateway.url}/`, '--json'], {
        APISIX_ADMIN_KEY_FILE: 'admin.key',
      });
      assert.equal(code, 4);
      const { findings } = JSON.parse(out) as {
        findings: { rule: string; file: string; path: string; line?: number }[];
      };
      assert.deepEqual(
        findings.map(({ rule, file, path, line }) => [rule, file.replace(gateway.url, ''), path, line]),
        [
          ['logger-default-format', '/apisix/admin/global_rules/1', 'value.plugins.file-logger', undefined],
          ['degradation', '/apisix/admin/routes/openai', 'value.plugins.forward-auth.allow_degradation', undefined],
        ],
      );
    } finally {
      await gateway.stop();
    }
  });
  it('takes the version from the gateway', async () => {
    const gateway = await startGateway(dump);
    try {
      const { code } = await lint(['--admin', gateway.url, '--gateway-version', '3.16']);
      assert.equal(code, 4, 'what is said wins');
    } finally {
      await gateway.stop();
    }
  });
  it('reads the Control API, its schemas too, and says what it does not show', async () => {
    const gateway = await startGateway(undefined, {
      '/v1/routes': JSON.parse(readFileSync('test/gateway/lint/corpus/good/control-routes.json', 'utf8')) as unknown,
      '/v1/schema': { main: {}, plugins: { 'forward-auth': { schema: { type: 'object' } } } },
    });
    try {
      const clean = await lint(['--control', gateway.url]);
      assert.equal(clean.code, 0, clean.out);
      assert.match(clean.err, /no global rules/);
      const { code, out } = await lint(['--control', gateway.url, '--schema', gateway.url]);
      assert.equal(code, 4);
      assert.match(out, /the gateway has no plugin proxy-rewrite \[schema\]/);
      assert.equal((await lint(['--control', gateway.url, '--schema', gateway.url, '--ignore', 'schema'])).code, 0);
    } finally {
      await gateway.stop();
    }
  });
  it('exits 3 for a wrong key, and where nobody answers', async () => {
    const gateway = await startGateway(dump);
    const refused = await lint(['--admin', gateway.url], { APISIX_ADMIN_KEY: 'other' });
    await gateway.stop();
    assert.equal(refused.code, 3);
    assert.match(refused.err, /401/);
    const { code, err } = await lint(['--admin', gateway.url]);
    assert.equal(code, 3);
    assert.match(err, /cannot be read/);
  });
  it('exits 2 for a URL that is none, and for --fix without a file', async () => {
    assert.equal((await lint(['--admin', '127.0.0.1:9180'])).code, 2);
    assert.equal((await lint(['--admin', 'http://127.0.0.1:1', '--fix'])).code, 2);
  });
  it('exits 1 for a file that holds no schemas', async () => {
    writeFileSync(join(cwd, 'schema.json'), '[]');
    writeFileSync(join(cwd, 'good.yaml'), readFileSync('test/gateway/lint/corpus/good/standalone-openai.yaml', 'utf8'));
    const { code, err } = await lint(['good.yaml', '--schema', 'schema.json']);
    assert.equal(code, 1);
    assert.match(err, /v1\/schema/);
  });
});
