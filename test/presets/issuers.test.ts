import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IssuerSpec } from '../../sidecar/core/resources.ts';
import { issuerPresets } from '../../sidecar/presets/issuers/index.ts';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { parseResourceBody, toResourceBody } from '../../sidecar/resources/parse-body.ts';
import { resource } from '../support/deciding.ts';
import { issuing, nowMs, sign, signingKey } from '../support/issuing.ts';

const seconds = Math.floor(nowMs / 1_000);
const parse = (body: object) => parseResourceBody('issuer', { id: 'ci', audience: 'gateway', ...body }, resourceDeps);

function specOf(body: object): IssuerSpec {
  const parsed = parse(body);
  assert.ok(parsed.ok, JSON.stringify(parsed.problems));
  return parsed.spec;
}

/** What each issuer puts into its tokens, by its documentation; what the resource pins; who it is here. */
const samples: Readonly<
  Record<string, { claims: object; body?: object; consumer: string; groups: readonly string[] }>
> = {
  kubernetes: {
    claims: {
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:search:indexer',
      'kubernetes.io': {
        namespace: 'search',
        pod: { name: 'p', uid: 'u' },
        serviceaccount: { name: 'indexer', uid: 'u' },
      },
    },
    consumer: 'search__indexer',
    groups: ['k8s:search'],
  },
  'github-actions': {
    claims: {
      iss: 'https://token.actions.githubusercontent.com',
      sub: 'repo:acme/web:ref:refs/heads/main',
      repository: 'acme/web',
      repository_owner: 'acme',
    },
    body: { required_claims: { repository_owner: 'acme' } },
    consumer: 'github-acme_2fweb',
    groups: ['github:acme'],
  },
  gitlab: {
    claims: { iss: 'https://gitlab.com', project_path: 'acme/web/api', namespace_path: 'acme/web', namespace_id: '7' },
    body: { required_claims: { namespace_id: ['7'] } },
    consumer: 'gitlab-acme_2fweb_2fapi',
    groups: ['gitlab:acme/web'],
  },
  circleci: {
    claims: { iss: 'https://oidc.circleci.com/org/0a1b', 'oidc.circleci.com/project-id': '9c8d' },
    body: { issuer: 'https://oidc.circleci.com/org/0a1b' },
    consumer: 'circleci-9c8d',
    groups: ['circleci:9c8d'],
  },
  buildkite: {
    claims: {
      iss: 'https://agent.buildkite.com',
      organization_slug: 'acme',
      pipeline_slug: 'web',
      organization_id: 'o',
    },
    body: { required_claims: { organization_id: 'o' } },
    consumer: 'buildkite-acme__web',
    groups: ['buildkite:web'],
  },
  'google-cloud': {
    claims: { iss: 'https://accounts.google.com', email: 'bot@acme.iam.gserviceaccount.com', email_verified: true },
    body: { required_claims: { email: 'bot@acme.iam.gserviceaccount.com' } },
    consumer: 'google-bot_40acme.iam.gserviceaccount.com',
    groups: [],
  },
};

describe('the issuer preset', () => {
  for (const preset of issuerPresets.values()) {
    const { claims, body = {}, consumer, groups } = samples[preset.id] ?? assert.fail(`${preset.id} has no sample`);

    it(`${preset.id} lets a workload in as the consumer that its token names, and nobody else`, async () => {
      const spec = specOf({ preset: preset.id, ...body });
      const key = await signingKey('RS256');
      const inlined = { ...spec, keys: { from: 'inline', keys: [{ ...key.jwk }] } } as const;
      const records = [resource('issuer', 'ci', inlined), resource('consumer', consumer, { groups: ['search'] })];
      const { outcome, validator } = await issuing(records);
      const token = await sign(key, { aud: 'gateway', exp: seconds + 300, ...claims });
      const facts = await validator.validate(token);
      assert.ok(!('deny' in facts), JSON.stringify(facts));
      assert.deepEqual([facts.consumerId, facts.issued?.groups], [consumer, groups]);
      assert.equal(await outcome(token), 'allow');
      assert.equal(await outcome(await sign(key, { ...claims, aud: 'another' })), 'token_audience_wrong');
      const stranger = Object.fromEntries(preset.pinOneOf.map((claim) => [claim, 'mallory']));
      if (preset.pinOneOf.length > 0)
        assert.equal(
          await outcome(await sign(key, { ...claims, ...stranger, aud: 'gateway' })),
          'token_claims_refused',
        );
    });

    it(`${preset.id} asks public places only, over https, unless it is inside the cluster`, () => {
      const spec = specOf({ preset: preset.id, ...body });
      assert.ok('url' in spec.keys && spec.keys.url.startsWith('https://'));
      assert.equal(spec.allow_private, preset.id === 'kubernetes');
    });

    if (preset.pinOneOf.length > 0) {
      it(`${preset.id} is refused where everybody on earth would be let in`, () => {
        for (const required_claims of [undefined, {}, { ref: 'main' }, { [preset.pinOneOf[0] ?? '']: true }]) {
          const { ok, problems } = parse({ preset: preset.id, required_claims });
          assert.equal(ok, false);
          assert.match(problems.map(({ message }) => message).join(), /everybody gets tokens/);
        }
      });
    }

    it(`${preset.id} is written as it is read`, () => {
      const spec = specOf({ preset: preset.id, ...body });
      assert.deepEqual(specOf(toResourceBody('issuer', 'ci', spec)), spec);
    });
  }
});
