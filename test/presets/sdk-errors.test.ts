/** Every denial body against the SDK it is meant for: unmodified but for base URL and key. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, it } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import { Mistral } from '@mistralai/mistralai';
import { MistralError } from '@mistralai/mistralai/models/errors';
import OpenAI, { AzureOpenAI } from 'openai';
import type { DenialCode } from '../../sidecar/core/codes.ts';
import { denialTable } from '../../sidecar/core/codes.ts';
import type { Preset } from '../../sidecar/core/preset.ts';
import { createDenialRenderer } from '../../sidecar/http/denial.ts';
import { presets } from '../../sidecar/presets/index.ts';

const key = 'cf_k1_00000000000000000000000000000000000000000000';
/** `/<preset>/<code>/…` is denied with that code, in the words of that preset. */
let server: Server;
let origin = '';

before(async () => {
  const denials = createDenialRenderer();
  server = createServer((req, res) => {
    const [, preset = '', code = ''] = (req.url ?? '').split('/');
    const answer = denials.render(code as DenialCode, (presets.get(preset) as Preset).denialBodies, 0);
    const headers = answer.headers
      .filter((_, i) => i % 2 === 0)
      .map((name, i) => [name, answer.headers[2 * i + 1] ?? '']);
    res.writeHead(answer.status, Object.fromEntries(headers) as Record<string, string>);
    res.end(answer.body);
    req.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

async function errorOf(call: () => PromiseLike<unknown>): Promise<Error> {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  return assert.fail('the call succeeded');
}

/** The SDK's message holds ours, so that its user learns why. */
function says(error: Error, code: DenialCode): void {
  assert.ok(error.message.includes(denialTable[code].message), error.message);
}

const messages = [{ role: 'user' as const, content: 'hello' }];
const openai = (preset: string, code: DenialCode): OpenAI =>
  new OpenAI({ apiKey: key, baseURL: `${origin}/${preset}/${code}/v1`, maxRetries: 0 });

for (const preset of ['openai', 'ollama', 'generic']) {
  it(`OpenAI's SDK raises its AuthenticationError and PermissionDeniedError (${preset})`, async () => {
    const ask = (code: DenialCode) =>
      errorOf(() => openai(preset, code).chat.completions.create({ model: 'm', messages }));
    assert.ok((await ask('token_expired')) instanceof OpenAI.AuthenticationError);
    assert.ok((await ask('policy_no_match')) instanceof OpenAI.PermissionDeniedError);
    assert.ok((await ask('path_ambiguous')) instanceof OpenAI.BadRequestError);
    assert.ok((await ask('store_unavailable')) instanceof OpenAI.InternalServerError);
  });
}

it("OpenAI's SDK reads the message and the code of a denial", async () => {
  const error = await errorOf(() => openai('openai', 'token_expired').models.list());
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.code, 'invalid_api_key');
  says(error, 'token_expired');
  const refused = await errorOf(() => openai('openai', 'policy_denied').models.list());
  assert.ok(refused instanceof OpenAI.PermissionDeniedError);
  assert.equal(refused.code, 'policy_denied');
  says(refused, 'policy_denied');
});

it("OpenAI's SDK raises typed errors for Azure", async () => {
  const ask = (code: DenialCode) => {
    const endpoint = `${origin}/azure-openai/${code}`;
    const client = new AzureOpenAI({
      apiKey: key,
      endpoint,
      apiVersion: '2024-10-21',
      deployment: 'gpt',
      maxRetries: 0,
    });
    return errorOf(() => client.chat.completions.create({ model: 'gpt', messages }));
  };
  const error = await ask('token_unknown');
  assert.ok(error instanceof OpenAI.AuthenticationError);
  says(error, 'token_unknown');
  const refused = await ask('policy_no_match');
  assert.ok(refused instanceof OpenAI.PermissionDeniedError);
  says(refused, 'policy_no_match');
});

it("Anthropic's SDK raises typed errors", async () => {
  const ask = (code: DenialCode) => {
    const client = new Anthropic({ apiKey: key, baseURL: `${origin}/anthropic/${code}`, maxRetries: 0 });
    return errorOf(() => client.messages.create({ model: 'm', max_tokens: 1, messages }));
  };
  const error = await ask('token_revoked');
  assert.ok(error instanceof Anthropic.AuthenticationError);
  assert.equal(error.type, 'authentication_error');
  says(error, 'token_revoked');
  const refused = await ask('policy_no_match');
  assert.ok(refused instanceof Anthropic.PermissionDeniedError);
  assert.equal(refused.type, 'permission_error');
  says(refused, 'policy_no_match');
});

it("Mistral's SDK raises its error with our status and message", async () => {
  const ask = (code: DenialCode) => {
    const client = new Mistral({
      apiKey: key,
      serverURL: `${origin}/mistral/${code}`,
      retryConfig: { strategy: 'none' },
    });
    return errorOf(() => client.chat.complete({ model: 'm', messages }));
  };
  for (const [code, status] of [
    ['token_expired', 401],
    ['policy_no_match', 403],
  ] as const) {
    const error = await ask(code);
    assert.ok(error instanceof MistralError);
    assert.equal(error.statusCode, status);
    assert.ok(error.body.includes(denialTable[code].message), error.body);
  }
});

it("Google's SDK raises its error with our status and message", async () => {
  const ask = (code: DenialCode) => {
    const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: `${origin}/gemini/${code}` } });
    return errorOf(() => client.models.generateContent({ model: 'm', contents: 'hello' }));
  };
  for (const [code, status, name] of [
    ['token_expired', 401, 'UNAUTHENTICATED'],
    ['policy_no_match', 403, 'PERMISSION_DENIED'],
  ] as const) {
    const error = await ask(code);
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, status);
    assert.ok(error.message.includes(name), error.message);
    says(error, code);
  }
});
