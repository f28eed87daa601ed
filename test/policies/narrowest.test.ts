import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { narrowestRules } from '../../sidecar/policies/narrowest.ts';

const uses = (method: string, ...paths: readonly string[]) => paths.map((path) => ({ method, path }));

describe('the narrowest rules', () => {
  it('name paths as they were, with the methods that each was used with', () => {
    const rules = narrowestRules([...uses('POST', '/v1/chat', '/v1/embeddings', '/v1/chat'), ...uses('GET', '/v1/chat', '/v1/models')]); // prettier-ignore
    assert.deepEqual(rules, [
      { methods: ['GET', 'POST'], paths: ['/v1/chat'] },
      { methods: ['POST'], paths: ['/v1/embeddings'] },
      { methods: ['GET'], paths: ['/v1/models'] },
    ]);
  });

  it('put a star where three different ids were seen, and nowhere else', () => {
    const three = uses('GET', '/files/1/content', '/files/22/content', '/files/file-8f3a9c0d11e2/content', '/files/1');
    assert.deepEqual(narrowestRules(three), [{ methods: ['GET'], paths: ['/files/*/content', '/files/1'] }]);
    const two = uses('GET', '/files/1/content', '/files/2/content');
    assert.deepEqual(narrowestRules(two)[0]?.paths, ['/files/1/content', '/files/2/content']);
    const words = uses('GET', '/v1/chat', '/v1/models', '/v1/embeddings', '/v1/moderations');
    assert.equal(narrowestRules(words)[0]?.paths.length, 4);
  });

  it('leave out what no glob can name', () => {
    assert.deepEqual(narrowestRules(uses('GET', '/a*b', '/a%20b')), []);
  });
});
