import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { randomBase62 } from '../../sidecar/keys/random-text.ts';
import {
  checksumHolds,
  createTagCheck,
  hasTokenShape,
  mintToken,
  tokenIdOf,
  tokenPattern,
} from '../../sidecar/token-validators/opaque-token.ts';

const tagKey = new Uint8Array(32).fill(7);
const mint = (): string => mintToken({ keyId: 'k1', tagKey, randomBase62 }).token.reveal();

describe('opaque tokens', () => {
  it('have the documented form, which scanners can find in a text', () => {
    const token = mint();
    assert.match(token, /^cf_k1_[0-9A-Za-z]{43}$/);
    assert.ok(hasTokenShape(token) && checksumHolds(token));
    assert.equal(tokenPattern.exec(`export KEY="${token}"`)?.[0], token);
  });

  it('carry 48 bits of an HMAC-SHA256 over what stands before them', () => {
    const token = mint();
    const body = token.slice(0, 'cf_k1_'.length + 28);
    const tag = token.slice(body.length, body.length + 9);
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const value = Array.from(tag).reduce((sum, char) => sum * 62n + BigInt(alphabet.indexOf(char)), 0n);
    assert.equal(
      value.toString(16).padStart(12, '0'),
      createHmac('sha256', tagKey).update(body).digest('hex').slice(0, 12),
    );
  });

  it('are named by their hash', () => {
    const { id, sha256 } = mintToken({ keyId: 'k1', tagKey, randomBase62 });
    assert.equal(id, tokenIdOf(sha256));
    assert.match(id, /^tok_[0-9a-f]{24}$/);
  });

  it('are not genuine when any character is another one', () => {
    const isGenuine = createTagCheck(new Map([['k1', tagKey]]));
    fc.assert(
      fc.property(fc.nat({ max: 48 }), fc.constantFrom('0', 'a', 'Z', '_', '-', '.', ' '), (at, char) => {
        const token = mint();
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        assert.equal(isGenuine(changed), changed === token);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are not genuine under another key or key id, or with a checksum alone', () => {
    const token = mint();
    assert.ok(createTagCheck(new Map([['k1', tagKey]]))(token));
    assert.ok(!createTagCheck(new Map([['k1', new Uint8Array(32)]]))(token));
    assert.ok(!createTagCheck(new Map([['k2', tagKey]]))(token));
    const forged = mintToken({ keyId: 'k1', tagKey: new Uint8Array(32).fill(9), randomBase62 }).token.reveal();
    assert.ok(checksumHolds(forged));
    assert.ok(!createTagCheck(new Map([['k1', tagKey]]))(forged));
  });

  it('draw every character of the alphabet about equally often', () => {
    const counts = new Map<string, number>();
    for (const char of randomBase62(62_000)) counts.set(char, (counts.get(char) ?? 0) + 1);
    assert.equal(counts.size, 62);
    // 1,000 expected, standard deviation 31.4: eight of them never happen by chance.
    for (const [char, count] of counts) assert.ok(Math.abs(count - 1_000) < 250, `${char}: ${String(count)}`);
  });

  it('have a checksum that catches every single mistake without any key', () => {
    const token = mint();
    for (let at = 0; at < token.length; at++) {
      const wrong = token.charAt(at) === '0' ? '1' : '0';
      assert.ok(!checksumHolds(token.slice(0, at) + wrong + token.slice(at + 1)), String(at));
    }
    assert.ok(!checksumHolds(''));
  });

  it('never come twice and show themselves to nobody', () => {
    const tokens = new Set(Array.from({ length: 1_000 }, mint));
    assert.equal(tokens.size, 1_000);
    const minted = mintToken({ keyId: 'k1', tagKey, randomBase62 });
    assert.ok(!inspect(minted, { depth: 5, showHidden: true }).includes(minted.token.reveal()));
    assert.ok(!JSON.stringify(minted).includes(minted.token.reveal()));
  });

  it('are documented by the very pattern that the code uses', () => {
    const documented = readFileSync(new URL('../../docs/tokens.md', import.meta.url), 'utf8');
    assert.ok(documented.includes(`\n${tokenPattern.source}\n`), tokenPattern.source);
    const example = /`(cf_[0-9a-z]{1,8}_[0-9A-Za-z]+)`/.exec(documented)?.[1] ?? '';
    assert.ok(hasTokenShape(example) && checksumHolds(example), example);
  });

  it('tell long and odd texts apart at once', () => {
    assert.ok(!hasTokenShape(`cf_k1_${'a'.repeat(1_000_000)}`));
    assert.ok(!hasTokenShape(`${mint()}\n`));
    assert.ok(!hasTokenShape(''));
  });
});
