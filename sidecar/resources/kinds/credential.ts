import { z } from 'zod';
import { commonSteeringHeaders, tokenSlotHeaders } from '../../core/preset.ts';
import type { SecretReference } from '../../core/resources.ts';
import { id } from '../fields.ts';
import { headerName, headerValue } from '../headers.ts';
import { defineKind } from '../kind.ts';

const referenceRule = 'must be a reference such as { from: env, name: OPENAI_API_KEY }, never the secret itself';

const maxWeight = 1_000;

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among credentials.' }),
    upstream: id.meta({ description: 'Id of the upstream whose secret this is.' }),
    secret: z
      .looseObject({ from: z.string() }, { error: referenceRule })
      .optional()
      .meta({ description: 'Reference to the secret: {from: env|file|sealed, …}.' }),
    weight: z
      .int()
      .min(0)
      .max(maxWeight)
      .optional()
      .meta({ description: "Its share of the pool's consumers; default 1; 0: used only where no other works." }),
    headers: z.record(headerName, headerValue).optional().meta({ description: 'Steering headers that it pins.' }),
  })
  .meta({ description: "An upstream's secret, by reference or sealed." });

export const credentialKind = defineKind({
  kind: 'credential',
  section: 'credentials',
  schema,
  toSpec(document, { deps, report }) {
    const secret = document.secret as SecretReference | undefined;
    if (secret !== undefined) for (const problem of deps.secretKinds(secret)) report(['secret'], problem);
    const headers = document.headers ?? {};
    for (const name of Object.keys(headers)) {
      if (tokenSlotHeaders.some((slot) => slot === name)) {
        report(['headers', name], 'is a token slot: secrets are given by reference', { at: 'key' });
      } else if (commonSteeringHeaders.some((header) => header === name)) {
        report(['headers', name], 'would make the upstream see another method or path than the policy judged', {
          at: 'key',
        });
      }
    }
    return {
      upstream: document.upstream,
      ...(secret === undefined ? {} : { secret }),
      // What the default says is not written down: a spec of before reads the same.
      ...(document.weight === undefined || document.weight === 1 ? {} : { weight: document.weight }),
      headers,
    };
  },
  write: (credentialId, spec) => ({
    id: credentialId,
    upstream: spec.upstream,
    ...(spec.secret === undefined ? {} : { secret: spec.secret }),
    ...(spec.weight === undefined ? {} : { weight: spec.weight }),
    ...(Object.keys(spec.headers).length === 0 ? {} : { headers: spec.headers }),
  }),
});
