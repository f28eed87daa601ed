import type { Preset } from '../../../sidecar/core/preset.ts';
import { createConditions } from '../../../sidecar/policies/conditions.ts';
import type { ResourceDeps } from '../../../sidecar/resources/kind.ts';
import { createAddressMatcher } from '../../../sidecar/snapshot/address-matcher.ts';

function preset(more: Partial<Preset> & Pick<Preset, 'id'>): Preset {
  return {
    title: more.id,
    tokenSlots: [{ header: 'authorization', scheme: 'Bearer' }],
    queryKeys: [],
    injection: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
    secretOptional: false,
    steeringHeaders: [],
    denialBodies: { default: {}, byStatus: {} },
    responseHeaders: { rateLimit: [] },
    deadKey: [],
    probe: { method: 'GET', path: '/', needsKey: true },
    ...more,
  };
}

/** Stand-ins for the families: three presets, and references that must name something. */
export const deps: ResourceDeps = {
  presets: new Map(
    [
      preset({ id: 'openai', baseUrl: 'https://api.openai.com', steeringHeaders: ['openai-project'] }),
      preset({ id: 'ollama', baseUrl: 'http://127.0.0.1:11434', secretOptional: true }),
      preset({ id: 'generic' }),
    ].map((known) => [known.id, known]),
  ),
  issuerPresets: new Map(),
  secretKinds: ({ from, name, path, value }) => {
    if (!['env', 'file', 'sealed'].includes(from)) return ['comes from a place that is not known'];
    return [name, path, value].some((option) => typeof option === 'string') ? [] : ['names nothing'];
  },
  injectedHeaders: ({ name }) => (typeof name === 'string' ? [name.toLowerCase()] : []),
  conditionProblems: createConditions({ createAddressMatcher }).problems,
  injectionProblems: ({ kind }) => (kind === 'header' ? [] : ['is of a kind that is not known']),
};
