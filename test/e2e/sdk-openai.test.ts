import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI, { AuthenticationError, AzureOpenAI, PermissionDeniedError } from 'openai';
import { realGateway } from '../support/gateway.ts';
import { answerText, startScene, upstreamSecret } from './scene.ts';
import type { Scene } from './scene.ts';

const messages = [{ role: 'user' as const, content: 'hello' }];

function behaves(scene: () => Scene, client: (apiKey: string) => OpenAI): void {
  const model = 'gpt-4o';

  it('gets a plain answer', async () => {
    const { choices } = await client(scene().token).chat.completions.create({ model, messages });
    assert.equal(choices[0]?.message.content, answerText);
  });
  it('gets a streamed answer, piece by piece', async () => {
    const pieces: string[] = [];
    const stream = await client(scene().token).chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? '');
    assert.equal(pieces.join(''), answerText);
    assert.ok(pieces.length > 2);
  });
  it('raises AuthenticationError for a token that is not valid', async () => {
    for (const key of [scene().revokedToken, 'cf_not_a_token', 'sk-a-key-of-the-provider']) {
      await assert.rejects(client(key).chat.completions.create({ model, messages }), (error: unknown) => {
        assert.ok(error instanceof AuthenticationError, String(error));
        assert.equal(error.headers.get('x-should-retry'), 'false');
        assert.match(error.headers.get('www-authenticate') ?? '', /^Bearer /);
        assert.match(error.headers.get('x-cf-decision') ?? '', /^d_/);
        return true;
      });
    }
  });
  it('raises PermissionDeniedError for what no policy allows', async () => {
    const call = client(scene().powerlessToken).chat.completions.create({ model, messages });
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof PermissionDeniedError, String(error));
      assert.equal(error.code, 'policy_no_match');
      assert.equal(error.headers.get('x-should-retry'), 'false');
      return true;
    });
  });
  it('gave the provider its secret and nothing of the client', () => {
    scene().assertOnlyTheSecretArrived();
  });
}

describe('the OpenAI SDK', () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene('openai');
  });
  after(() => scene.stop());

  const options = { organization: 'org-of-the-client', project: 'proj-of-the-client' };
  behaves(
    () => scene,
    (apiKey) => new OpenAI({ apiKey, baseURL: `${scene.baseUrl}/v1`, maxRetries: 0, ...options }),
  );

  it('cannot choose who pays', () => {
    for (const { headers } of scene.provider.received) {
      assert.deepEqual([headers['openai-organization'], headers['openai-project']], [undefined, undefined]);
      assert.equal(headers.authorization, `Bearer ${upstreamSecret}`);
    }
  });
  const hidden = realGateway !== undefined && 'a real gateway does not show what it asked';
  it('does not retry a denial, retries being on', { skip: hidden }, async () => {
    const asked = scene.gateway.questions.length;
    const client = new OpenAI({ apiKey: scene.powerlessToken, baseURL: `${scene.baseUrl}/v1`, maxRetries: 2 });
    await assert.rejects(client.models.list(), PermissionDeniedError);
    assert.equal(scene.gateway.questions.length, asked + 1);
  });
});

describe('the OpenAI SDK for Azure', () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene('azure-openai');
  });
  after(() => scene.stop());

  behaves(
    () => scene,
    (apiKey) => new AzureOpenAI({ apiKey, endpoint: scene.baseUrl, apiVersion: '2024-10-21', maxRetries: 0 }),
  );

  it('keeps deployment and api-version', () => {
    for (const { url } of scene.provider.received) {
      assert.equal(url, '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21');
    }
  });
});
