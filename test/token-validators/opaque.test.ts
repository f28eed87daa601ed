import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TokenLookup } from '../../sidecar/core/ports.ts';
import { randomBase62 } from '../../sidecar/keys/random-text.ts';
import { createTagCheck, mintToken } from '../../sidecar/token-validators/opaque-token.ts';
import { createOpaqueValidator } from '../../sidecar/token-validators/opaque.ts';
import { tokenValidatorContract } from '../contract/token-validator-contract.ts';
import { factsOf, sha256 } from '../support/deciding.ts';

const tagKey = new Uint8Array(32).fill(1);
const minted = mintToken({ keyId: 'k1', tagKey, randomBase62 });
const isGenuine = createTagCheck(new Map([['k1', tagKey]]));

function lookingUp(): TokenLookup & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find(hash, genuine) {
      if (!genuine()) return { deny: 'token_unknown' };
      asked.push(hash);
      return hash === minted.sha256 ? factsOf('team') : { deny: 'token_unknown' };
    },
  };
}

const create = (lookup: TokenLookup = lookingUp()) => createOpaqueValidator({ lookup, sha256, isGenuine });
tokenValidatorContract(() => create(), minted.token.reveal());

describe('the opaque validator', () => {
  it('looks up the hash, never the token', () => {
    const lookup = lookingUp();
    void create(lookup).validate(minted.token.reveal());
    assert.deepEqual(lookup.asked, [minted.sha256]);
  });

  it('keeps forged and malformed tokens away from the look-up', async () => {
    const lookup = lookingUp();
    const forged = mintToken({ keyId: 'k1', tagKey: new Uint8Array(32), randomBase62 }).token.reveal();
    assert.deepEqual(await create(lookup).validate(forged), { deny: 'token_unknown' });
    assert.deepEqual(await create(lookup).validate('cf_k1_short'), { deny: 'token_malformed' });
    assert.deepEqual(lookup.asked, []);
  });

  it('judges everything that begins like a token of ours, and nothing else', () => {
    const validator = create();
    assert.ok(validator.accepts('cf_anything'));
    assert.ok(!validator.accepts('sk-abc') && !validator.accepts('eyJhbGciOi.e30.x'));
  });
});
