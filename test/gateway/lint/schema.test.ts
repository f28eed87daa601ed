import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSchemaCheck } from '../../../sidecar/gateway/lint/schema/validate.ts';
import { lintFiles } from './corpus.ts';

/** As Lua writes them: empty lists are objects, patterns are its own. */
export const schemas = {
  main: {
    route: {
      type: 'object',
      additionalProperties: false,
      required: ['uri'],
      properties: {
        id: {},
        uri: { type: 'string' },
        plugins: { type: 'object' },
        priority: { type: 'integer', default: 0 },
      },
    },
  },
  plugins: {
    'forward-auth': {
      priority: 2002,
      schema: {
        type: 'object',
        required: ['uri'],
        encrypt_fields: {},
        properties: {
          uri: { type: 'string', pattern: '^[%w]+(' },
          timeout: { type: 'integer', minimum: 1, maximum: 60_000 },
          request_headers: { type: 'array', items: { type: 'string' }, default: {} },
          _meta: { type: 'object', additionalProperties: false, properties: { disable: { type: 'boolean' } } },
        },
      },
    },
    'limit-count': {
      schema: {
        type: 'object',
        required: {},
        properties: { policy: { type: 'string', enum: ['local', 'redis'], default: 'local' } },
        if: { properties: { policy: { enum: ['redis'] } } },
        then: { required: ['redis_host'] },
      },
    },
  },
};

function check(text: string) {
  const { findings } = lintFiles([{ file: 'apisix.yaml', text }], {}, undefined, createSchemaCheck(schemas));
  return findings.filter(({ rule }) => rule === 'schema').map(({ path, message, line }) => ({ path, message, line }));
}

const route = (auth: string, more = ''): string =>
  `routes:\n  - id: a\n    uri: /a/*\n    plugins:\n      forward-auth: { uri: 'http://127.0.0.1:9280/api/auth', ${auth} }\n${more}#END\n`;

describe('--schema', () => {
  it('refuses what the gateway refuses, at its place', () => {
    assert.deepEqual(check(route('timeout: 0')), [
      { path: 'routes[0].plugins.forward-auth.timeout', message: 'forward-auth: must be >= 1', line: 5 },
    ]);
  });
  it('fills in defaults before it decides, as the gateway does', () => {
    assert.deepEqual(check(route('timeout: 1', '      limit-count: { count: 1 }\n')), []);
    assert.deepEqual(
      check(route('timeout: 1', '      limit-count: { policy: redis }\n')).map(({ message }) => message),
      ["limit-count: must have required property 'redis_host'"],
    );
  });
  it('names what the gateway does not know', () => {
    assert.deepEqual(
      check(route('timeout: 1', '      no-such-plugin: {}\n    colour: red\n')).map(({ message }) => message),
      ['route: must NOT have additional properties (colour)', 'the gateway has no plugin no-such-plugin'],
    );
    assert.deepEqual(
      check(route('_meta: { off: true }')).map(({ message }) => message),
      ['forward-auth: must NOT have additional properties (off)'],
    );
  });
  it('lets variables of the environment be, which have no value yet', () => {
    assert.deepEqual(check(route("timeout: '${{TIMEOUT}}'")), []);
  });
  it('wants schemas', () => {
    for (const other of [undefined, [], { main: 1 }, { main: {} }])
      assert.throws(() => createSchemaCheck(other), /v1\/schema/);
  });
});
