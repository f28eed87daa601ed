import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Log } from '../../sidecar/core/ports.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createLogger, type LoggerOptions } from '../../sidecar/ops/logger.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const token = 'cf_k1_9aBcD3fGhIjKlMnOpQrStUvWxYz0123456789';

it('writes one JSON line: level, time, event, fields', () => {
  const { log, lines } = logger('info');
  log.info('ready', { data: '127.0.0.1:9280', ms: 3 });
  assert.deepEqual(lines, [
    '{"level":"info","time":"2026-01-01T00:00:00.000Z","event":"ready","data":"127.0.0.1:9280","ms":3}\n',
  ]);
});

it('writes what its level lets through', () => {
  for (const [level, count] of [
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const) {
    const { log, lines } = logger(level);
    for (const at of ['debug', 'info', 'warn', 'error'] as const) log[at]('something');
    assert.equal(lines.length, count, level);
  }
});

it('cuts out tokens and bearer values wherever they stand', () => {
  const { log, lines } = logger('debug');
  log.warn('x', {
    plain: `a ${token} b`,
    list: [`Authorization: Bearer sk-proj-abcdef123456`, { deep: { deeper: `basic dXNlcjpwYXNzd29yZA==` } }],
    secret: new Secret('sk-secret-in-a-secret'),
    map: new Map([['a', 'sk-secret-in-a-map']]),
    error: new Error(`failed for ${token}`),
  });
  assert.doesNotMatch(lines.join(''), /9aBcD3|sk-|dXNlc/);
  assert.match(lines.join(''), /"plain":"a cf_\[redacted\] b"/);
  assert.match(lines.join(''), /Bearer \[redacted\]/);
});

it('prints no value under a name that says secret', () => {
  const { log, lines } = logger('debug');
  const names = ['authorization', 'X-Api-Key', 'x-goog-api-key', 'password', 'token', 'gateway_key', 'adminKey'];
  log.info('x', {
    headers: Object.fromEntries(names.map((name) => [name, 'hush-hush'])),
    token_id: 'tok_1',
    token: 'hush',
  });
  assert.doesNotMatch(lines.join(''), /hush/);
  assert.match(lines.join(''), /"token_id":"tok_1"/);
});

it('reduces errors to code and message; the stack only at debug, the cause never', () => {
  const cause = new Error('the driver quoted its input: hush-hush');
  const error = new CredentialFlowError('store_failed', 'the store did not answer', { cause });
  const info = logger('info');
  info.log.error('x', { error });
  assert.match(
    info.lines.join(''),
    /"error":\{"name":"CredentialFlowError","message":"the store did not answer","code":"store_failed"\}/,
  );
  const debug = logger('debug');
  debug.log.error('x', { error });
  assert.match(debug.lines.join(''), /"stack":/);
  assert.doesNotMatch(debug.lines.join('') + info.lines.join(''), /hush/);
});

it('prints anything without failing: cycles, depth, bigints, throwing getters of JSON', () => {
  const { log, lines } = logger('info');
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  const broken = {
    toJSON: () => {
      throw new Error('no');
    },
  };
  log.info('x', {
    cycle,
    big: 10n,
    broken,
    bytes: Buffer.from('hush'),
    nothing: undefined,
    long: 'x'.repeat(100_000),
  });
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual([line['big'], line['broken'], line['bytes']], ['10', '[unprintable]', '[bytes]']);
  assert.ok((lines[0] ?? '').length < 20_000);
});

function logger(level: LoggerOptions['level']): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const destination = { write: (line: string): void => void lines.push(line) };
  return { log: createLogger({ level, destination }, { clock: createFakeClock() }), lines };
}
