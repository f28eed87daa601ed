import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Anthropic, { AuthenticationError, PermissionDeniedError } from '@anthropic-ai/sdk';
import { answerText, startScene, upstreamSecret } from './scene.ts';
import type { Scene } from './scene.ts';

const request = { model: 'claude-test', max_tokens: 64, messages: [{ role: 'user' as const, content: 'hello' }] };
type Key = { readonly apiKey: string } | { readonly apiKey: null; readonly authToken: string };

describe('the Anthropic SDK', () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene('anthropic');
  });
  after(() => scene.stop());

  const client = (key: Key): Anthropic => new Anthropic({ ...key, baseURL: scene.baseUrl, maxRetries: 0 });
  const textOf = (content: readonly { readonly type: string; readonly text?: string }[]): string =>
    content.map(({ text }) => text ?? '').join('');

  it('gets a plain answer with an API key', async () => {
    const { content } = await client({ apiKey: scene.token }).messages.create(request);
    assert.equal(textOf(content), answerText);
  });
  it('gets a plain answer with an auth token', async () => {
    const { content } = await client({ apiKey: null, authToken: scene.token }).messages.create(request);
    assert.equal(textOf(content), answerText);
    const { authorization, 'x-api-key': key } = scene.provider.received.at(-1)?.headers ?? {};
    assert.deepEqual([authorization, key], [undefined, upstreamSecret]);
  });
  it('gets a streamed answer, piece by piece', async () => {
    const pieces: string[] = [];
    const stream = client({ apiKey: scene.token }).messages.stream(request);
    stream.on('text', (text) => pieces.push(text));
    assert.equal(textOf((await stream.finalMessage()).content), answerText);
    assert.ok(pieces.length > 2);
  });
  it('raises AuthenticationError for a token that is not valid', async () => {
    await assert.rejects(client({ apiKey: scene.revokedToken }).messages.create(request), (error: unknown) => {
      assert.ok(error instanceof AuthenticationError, String(error));
      assert.equal(error.type, 'authentication_error');
      assert.equal(error.headers.get('x-should-retry'), 'false');
      return true;
    });
  });
  it('raises PermissionDeniedError for what no policy allows', async () => {
    await assert.rejects(client({ apiKey: scene.powerlessToken }).messages.create(request), (error: unknown) => {
      assert.ok(error instanceof PermissionDeniedError, String(error));
      assert.equal(error.type, 'permission_error');
      assert.equal(error.headers.get('x-should-retry'), 'false');
      return true;
    });
  });
  it('gave the provider its secret and nothing of the client', () => {
    scene.assertOnlyTheSecretArrived();
  });
});
