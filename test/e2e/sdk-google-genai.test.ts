import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiError, GoogleGenAI } from '@google/genai';
import { answerText, startScene, upstreamSecret } from './scene.ts';
import type { Scene } from './scene.ts';

const request = { model: 'gemini-test', contents: 'hello' };

describe('the Google GenAI SDK', () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene('gemini');
  });
  after(() => scene.stop());

  const client = (apiKey: string): GoogleGenAI => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: scene.baseUrl } });
  const raises = (status: number, text: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.status, status);
    assert.match(error.message, text);
    return true;
  };

  it('gets a plain answer', async () => {
    assert.equal((await client(scene.token).models.generateContent(request)).text, answerText);
    assert.match(scene.provider.received.at(-1)?.url ?? '', /^\/v1(beta)?\/models\/gemini-test:generateContent$/);
  });
  it('gets a streamed answer, piece by piece', async () => {
    const pieces: string[] = [];
    for await (const chunk of await client(scene.token).models.generateContentStream(request)) {
      pieces.push(chunk.text ?? '');
    }
    assert.equal(pieces.join(''), answerText);
    assert.ok(pieces.length > 2);
  });
  it('raises ApiError with 401 for a token that is not valid', async () => {
    await assert.rejects(client(scene.revokedToken).models.generateContent(request), raises(401, /UNAUTHENTICATED/));
  });
  it('raises ApiError with 403 for what no policy allows', async () => {
    await assert.rejects(
      client(scene.powerlessToken).models.generateContent(request),
      raises(403, /PERMISSION_DENIED/),
    );
  });
  it('refuses a key in the query, which would be in logs, and says so', async () => {
    const url = `${scene.baseUrl}/v1beta/models/gemini-test:generateContent?key=${scene.token}`;
    const response = await fetch(url, { method: 'POST', body: '{}' });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('x-should-retry'), 'false');
    assert.match(await response.text(), /query/);
  });
  it('gave the provider its secret and nothing of the client', () => {
    scene.assertOnlyTheSecretArrived();
    for (const { headers } of scene.provider.received) assert.equal(headers['x-goog-api-key'], upstreamSecret);
  });
});
