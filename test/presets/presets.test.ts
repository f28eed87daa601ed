import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tokenSlotHeaders, type JsonTemplate, type Preset } from '../../sidecar/core/preset.ts';
import { checkInjection, createInjector } from '../../sidecar/injectors/index.ts';
import { renderTemplate } from '../../sidecar/http/denial-template.ts';
import { presets } from '../../sidecar/presets/index.ts';

const headerName = /^[a-z0-9]+(-[a-z0-9]+)*$/;

function templatesOf(preset: Preset): readonly (readonly [string, JsonTemplate])[] {
  return [['default', preset.denialBodies.default], ...Object.entries(preset.denialBodies.byStatus)];
}

function presetOf(id: string): Preset {
  const preset = presets.get(id);
  assert.ok(preset, id);
  return preset;
}

it('knows the APIs that the documentation names', () => {
  assert.deepEqual([...presets.keys()].sort(), [
    'anthropic',
    'azure-openai',
    'cohere',
    'gemini',
    'generic',
    'mistral',
    'ollama',
    'openai',
  ]);
});

for (const [id, preset] of presets) {
  describe(`preset ${id}`, () => {
    it('goes by its own id and has a title', () => {
      assert.equal(preset.id, id);
      assert.match(id, /^[a-z]+(-[a-z]+)*$/);
      assert.notEqual(preset.title, '');
    });

    it('has an absolute base URL, or leaves it to the resource', () => {
      if (preset.baseUrl === undefined) return;
      const url = new URL(preset.baseUrl);
      assert.match(url.protocol, /^https?:$/);
      // A preset whose secret leaves the machine must not send it in clear.
      if (!preset.secretOptional) assert.equal(url.protocol, 'https:');
      assert.ok(!preset.baseUrl.endsWith('/'));
    });

    it('reads tokens only from slots that every allow answers', () => {
      assert.ok(preset.tokenSlots.length > 0);
      const slots: readonly string[] = tokenSlotHeaders;
      for (const { header, scheme } of preset.tokenSlots) {
        assert.ok(slots.includes(header), header);
        // extract-token compares with the lower-cased scheme; Authorization is never a bare token.
        assert.equal(scheme, header === 'authorization' ? 'bearer' : undefined);
      }
      assert.equal(new Set(preset.tokenSlots.map(({ header }) => header)).size, preset.tokenSlots.length);
    });

    it('refuses keys in the query, by lower-case names', () => {
      assert.ok(preset.queryKeys.includes('key') && preset.queryKeys.includes('access_token'));
      for (const name of preset.queryKeys) assert.equal(name, name.toLowerCase());
      assert.equal(new Set(preset.queryKeys).size, preset.queryKeys.length);
    });

    it('injects into one of the slots, by an injector that takes its options', () => {
      assert.deepEqual(checkInjection(preset.injection), []);
      const [name = ''] = createInjector(preset.injection).headers;
      assert.ok(
        preset.tokenSlots.some(({ header }) => header === name),
        name,
      );
    });

    it('names headers in lower case, each once, and no slot as a steering header', () => {
      const { requestId, rateLimit } = preset.responseHeaders;
      const slots: readonly string[] = tokenSlotHeaders;
      for (const name of [...preset.steeringHeaders, ...rateLimit, ...(requestId === undefined ? [] : [requestId])]) {
        assert.match(name, headerName);
      }
      for (const name of preset.steeringHeaders) assert.ok(!slots.includes(name), name);
      assert.equal(new Set(preset.steeringHeaders).size, preset.steeringHeaders.length);
    });

    for (const [status, template] of templatesOf(preset)) {
      it(`says in its denial body (${status}) why`, () => {
        const text = JSON.stringify(template);
        assert.ok(text.includes('{message}'), text);
        // A misspelt place would reach clients as it stands.
        for (const [, name] of text.matchAll(/\{([a-z_]+)\}/g)) assert.match(name ?? '', /^(status|code|message)$/);
        const body = JSON.stringify(renderTemplate(template, { status: 401, code: 'token_expired', message: 'why' }));
        assert.ok(body.includes('why') && !body.includes('{message}'), body);
      });
    }

    it('tells a dead key by a status of an error', () => {
      assert.ok(preset.deadKey.length > 0);
      for (const { status, bodyIncludes } of preset.deadKey) {
        assert.ok(status >= 400 && status < 500, String(status));
        // Only a 401 says enough by itself: 400 and 429 also happen to living keys.
        if (status !== 401) assert.ok(bodyIncludes, String(status));
      }
    });

    it('probes an absolute path', () => {
      assert.match(preset.probe.path, /^\//);
    });
  });
}

it('empties what chooses who pays', () => {
  const steering = (id: string): readonly string[] => presetOf(id).steeringHeaders;
  assert.ok(steering('openai').includes('openai-organization') && steering('openai').includes('openai-project'));
  assert.ok(steering('gemini').includes('x-goog-user-project'));
  assert.ok(steering('anthropic').includes('anthropic-workspace-id'));
  assert.ok(steering('anthropic').includes('anthropic-user-profile-id'));
});

it("passes what is the client's own choice", () => {
  const mine = ['anthropic-beta', 'anthropic-version', 'openai-beta', 'idempotency-key', 'user-agent'];
  for (const preset of presets.values()) {
    for (const name of mine) assert.ok(!preset.steeringHeaders.includes(name), `${preset.id}: ${name}`);
  }
});

it("refuses Google's query parameters that stand for steering headers", () => {
  for (const name of ['$httpmethod', '$userproject', '$key']) assert.ok(presetOf('gemini').queryKeys.includes(name));
});

it('needs no secret for a server of one’s own only', () => {
  assert.deepEqual(
    [...presets.values()].filter((preset) => preset.secretOptional).map(({ id }) => id),
    ['ollama'],
  );
});
