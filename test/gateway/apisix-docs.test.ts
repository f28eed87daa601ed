import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { denialTable } from '../../sidecar/core/codes.ts';
import { shippedApisixYaml } from '../support/gateway.ts';
import { readRoutes } from './stand-in/configuration.ts';

const page = new URL('../../docs/apisix.md', import.meta.url);
const text = readFileSync(page, 'utf8');

describe('docs/apisix.md', () => {
  it('explains each extra header that the shipped routes send', () => {
    const env = { CREDENTIALFLOW_GATEWAY_KEY: '${{CREDENTIALFLOW_GATEWAY_KEY}}', CREDENTIALFLOW_LOG_KEY: 'l' };
    const auth = readRoutes(shippedApisixYaml(), env)[0]?.plugins['forward-auth'] ?? assert.fail();
    for (const [name, value] of Object.entries(auth.extra_headers)) {
      assert.match(text, new RegExp(`\\| \`${name}\` +\\| \`${value.replace(/[$.*+?^{}]/g, '\\$&')}\``));
    }
  });
  it('names settings as they are shipped', () => {
    for (const [, name, value] of text.matchAll(
      /\| `(status_on_error|allow_degradation|timeout|keepalive_pool|request_method): (\w+)`/g,
    )) {
      assert.match(shippedApisixYaml(), new RegExp(`\\b${name ?? ''}: ${value ?? ''}\\b`));
    }
  });
  it('knows only codes that exist', () => {
    for (const [, code = ''] of text.matchAll(/`((?:gateway|upstream|path)_[a-z_]+)`/g)) {
      assert.ok(code in denialTable || ['upstream_headers'].includes(code), code);
    }
  });
  it('links to what is there', () => {
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)\)/g))
      assert.ok(existsSync(new URL(target, page)), target);
  });
});
