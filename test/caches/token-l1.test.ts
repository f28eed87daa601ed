import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTokenL1, type TokenEntry } from '../../sidecar/caches/token-l1.ts';
import { answerOf, unknownToken } from '../../sidecar/caches/token-value.ts';
import { hashOf, tokenRecord } from './scripted.ts';

const known = (name: string): TokenEntry => ({
  asOf: 1,
  generation: 1,
  answer: answerOf({ asOf: 1, token: tokenRecord(name) }),
});
const unknown = (name: string): TokenEntry => ({ ...known(name), answer: unknownToken });

it('remembers a token, and replaces what it knew of it', () => {
  const l1 = createTokenL1({ maxBytes: 100_000 });
  l1.set('a', unknown('a'));
  assert.equal(l1.get('a')?.answer, unknownToken);
  const entry = known('a');
  l1.set('a', entry);
  assert.equal(l1.get('a'), entry);
  l1.set('a', unknown('a'));
  assert.equal(l1.get('a')?.answer, unknownToken);
  assert.equal(l1.size().entries, 1);
});

it('stays within its bytes and drops the least recently used first', () => {
  const l1 = createTokenL1({ maxBytes: 10_000 });
  l1.set('kept', known('kept'));
  for (let i = 0; i < 1_000; i += 1) {
    l1.set(`t${i}`, known(`t${i}`));
    l1.get('kept');
  }
  assert.ok(l1.size().bytes <= 10_000, String(l1.size().bytes));
  assert.ok(l1.size().entries > 5);
  assert.notEqual(l1.get('kept'), undefined);
  assert.equal(l1.get('t0'), undefined);
  assert.notEqual(l1.get('t999'), undefined);
});

it('does not let a flood of unknown tokens push out a known one', () => {
  const l1 = createTokenL1({ maxBytes: 10_000 });
  l1.set('known', known('known'));
  for (let i = 0; i < 10_000; i += 1) l1.set(`forged${i}`, unknown(`forged${i}`));
  assert.notEqual(l1.get('known'), undefined);
  assert.ok(l1.size().entries <= 3, String(l1.size().entries));
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

it('counts no fewer bytes than an entry takes on the heap', () => {
  const l1 = createTokenL1({ maxBytes: 1_000_000_000 });
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 50_000; i += 1) {
    l1.set(hashOf(`token-${i}`), known(`token-${i}`));
  }
  collectGarbage();
  const grown = process.memoryUsage().heapUsed - before;
  assert.ok(l1.size().bytes > grown * 0.8, `${l1.size().bytes} counted, ${grown} on the heap`);
});

it('is empty after a clear', () => {
  const l1 = createTokenL1({ maxBytes: 10_000 });
  l1.set('a', known('a'));
  l1.set('b', unknown('b'));
  l1.clear();
  assert.deepEqual(l1.size(), { entries: 0, bytes: 0 });
  assert.equal(l1.get('a'), undefined);
});
