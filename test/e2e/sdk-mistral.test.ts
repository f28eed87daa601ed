import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Mistral } from '@mistralai/mistralai';
import { MistralError } from '@mistralai/mistralai/models/errors';
import { answerText, startScene } from './scene.ts';
import type { Scene } from './scene.ts';

const request = { model: 'mistral-test', messages: [{ role: 'user' as const, content: 'hello' }] };

describe('the Mistral SDK', () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene('mistral');
  });
  after(() => scene.stop());

  const client = (apiKey: string): Mistral => new Mistral({ apiKey, serverURL: scene.baseUrl });
  const raises = (status: number, text: RegExp) => (error: unknown) => {
    assert.ok(error instanceof MistralError, String(error));
    assert.equal(error.statusCode, status);
    assert.equal(error.headers.get('x-should-retry'), 'false');
    assert.match(error.body, text);
    return true;
  };

  it('gets a plain answer', async () => {
    const { choices } = await client(scene.token).chat.complete(request);
    assert.equal(choices[0]?.message?.content, answerText);
  });
  it('gets a streamed answer, piece by piece', async () => {
    const pieces: string[] = [];
    for await (const { data } of await client(scene.token).chat.stream(request)) {
      const content = data.choices[0]?.delta.content;
      if (typeof content === 'string') pieces.push(content);
    }
    assert.equal(pieces.join(''), answerText);
    assert.ok(pieces.length > 2);
  });
  it('raises its error with 401 for a token that is not valid', async () => {
    await assert.rejects(client(scene.revokedToken).chat.complete(request), raises(401, /"detail"/));
  });
  it('raises its error with 403 for what no policy allows', async () => {
    await assert.rejects(client(scene.powerlessToken).chat.complete(request), raises(403, /policy_no_match/));
  });
  it('gave the provider its secret and nothing of the client', () => {
    scene.assertOnlyTheSecretArrived();
  });
});
