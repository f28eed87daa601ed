import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import { keyNames, keyPaths, loadKeys, writeKeyFile } from '../../sidecar/keys/key-files.ts';
import { recordingLog } from '../support/recording-log.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const none = { master: undefined, gateway: undefined, log: undefined, admin: undefined };
let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'cf-keys-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});
const load = (configured: Partial<Record<(typeof keyNames)[number], Secret>> = {}, mayCreate = true) =>
  loadKeys({ dataDir, configured: { ...none, ...configured }, mayCreate }, { log });

describe('key files', () => {
  it('are made once, for the owner alone, and read again', () => {
    const first = load();
    assert.deepEqual(first.created, [...keyNames]);
    for (const name of keyNames) assert.equal(statSync(first.paths[name]).mode & 0o777, 0o600);
    assert.equal(statSync(join(dataDir, 'keys')).mode & 0o777, 0o700);
    const again = load({}, false);
    assert.deepEqual(again.created, []);
    assert.equal(again.gateway.reveal(), first.gateway.reveal());
    assert.deepEqual(again.masters[0]?.key.reveal(), first.masters[0]?.key.reveal());
    assert.equal(first.masters[0]?.key.reveal().length, 32);
  });

  it('make keys that APISIX takes as they are and that differ', () => {
    const keys = load();
    const texts = [keys.gateway, keys.log, keys.admin].map((key) => key.reveal());
    for (const text of texts) assert.match(text, /^cf[gla]_[0-9A-Za-z]{43}$/);
    assert.equal(new Set(texts.map((text) => text.slice(4))).size, 3);
  });

  it('name the variable and the file when a key is missing where none may be made', () => {
    assert.throws(() => load({}, false), (error: Error) =>
      /CREDENTIALFLOW_MASTER_KEY/.test(error.message) && error.message.includes(keyPaths(dataDir).master)); // prettier-ignore
    load();
    rmSync(keyPaths(dataDir).log);
    assert.throws(() => load({}, false), /CREDENTIALFLOW_LOG_KEY/);
  });

  it('yield to the configuration', () => {
    const gateway = new Secret('configured-gateway-key-of-32-characters');
    const keys = load({ gateway });
    assert.equal(keys.gateway, gateway);
    assert.equal(keys.sources.gateway, 'configuration');
    assert.ok(!keys.created.includes('gateway'));
  });

  it('are refused when they cannot do their work, without being repeated', () => {
    load();
    for (const bad of [
      'short',
      '://CREDENTIALFLOW_GATEWAY_KEY-and-more',
      `${'x'.repeat(40)}$y`,
      `${'x'.repeat(40)} y`,
    ]) {
      writeFileSync(keyPaths(dataDir).gateway, bad);
      assert.throws(() => load({}, false), (error: Error) => /gateway key/.test(error.message) && !error.message.includes(bad)); // prettier-ignore
    }
    writeFileSync(keyPaths(dataDir).master, 'AAAA');
    assert.throws(() => load({}, false), /32 bytes in base64/);
  });

  it('are not read where a mistyped character would make another key of them', () => {
    const [master] = load().masters;
    assert.ok(master);
    const text = Buffer.from(master.key.reveal()).toString('base64');
    for (const bad of [`${text.slice(0, 20)}!${text.slice(21)}`, `${text.slice(0, 20)}\n${text.slice(20)}`]) {
      assert.throws(() => load({ master: new Secret(bad) }, false), { code: 'config_invalid' });
    }
    assert.deepEqual(load({ master: new Secret(text) }, false).masters, [master]);
  });

  it('are warned of, by path, when others may read them', () => {
    const { paths } = load();
    chmodSync(paths.admin, 0o644);
    const wide = recordingLog();
    loadKeys({ dataDir, configured: none, mayCreate: false }, { log: wide });
    assert.deepEqual(
      wide.lines.map(({ level, event, fields }) => [level, event, fields.path, fields.mode]),
      [['warn', 'key_file_mode_wide', paths.admin, '644']],
    );
  });

  it('live in a directory that is closed again when it stood open, and leave no drafts there', () => {
    mkdirSync(join(dataDir, 'keys'), { mode: 0o755 });
    load();
    assert.equal(statSync(join(dataDir, 'keys')).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(join(dataDir, 'keys')).sort(), ['admin.key', 'gateway.key', 'log.key', 'master.key']);
  });

  it('are replaced whole', () => {
    load();
    writeKeyFile(dataDir, 'gateway', new Secret('a-new-gateway-key-of-32-characters-x'));
    assert.equal(readFileSync(keyPaths(dataDir).gateway, 'utf8'), 'a-new-gateway-key-of-32-characters-x\n');
    assert.equal(statSync(keyPaths(dataDir).gateway).mode & 0o777, 0o600);
  });
});
