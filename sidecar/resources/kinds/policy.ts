import { z } from 'zod';
import { groupName, id, idOrStar, labels, listOf, nonEmptyListOf, time } from '../fields.ts';
import { defineKind } from '../kind.ts';
import { pathGlob } from '../path-glob.ts';

const method = z
  .string()
  .regex(/^[A-Za-z]{1,32}$/, 'must be an HTTP method such as POST')
  .transform((text) => text.toUpperCase());

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among policies.' }),
    effect: z.enum(['allow', 'deny']).meta({ description: 'Deny wins over every allow.' }),
    consumers: listOf(idOrStar, 10_000).optional().meta({ description: 'Consumers meant; "*" for all.' }),
    groups: listOf(groupName, 10_000).optional().meta({ description: 'Groups meant.' }),
    labels: labels.optional().meta({ description: 'Consumers that carry all these labels are meant.' }),
    upstreams: nonEmptyListOf(idOrStar, 10_000).meta({ description: 'Upstreams meant; "*" for all.' }),
    methods: nonEmptyListOf(method, 100).optional().meta({ description: 'Left out: every method.' }),
    paths: nonEmptyListOf(pathGlob, 1_000)
      .optional()
      .meta({ description: "Globs over the upstream's own path; left out: every path." }),
    expires_at: time.optional().meta({ description: 'From then on the policy says nothing; RFC 3339.' }),
  })
  .meta({ description: 'Who may do what.' });

export const policyKind = defineKind({
  kind: 'policy',
  section: 'policies',
  schema,
  toSpec(document, { report }) {
    const { consumers = [], groups = [], labels: wanted = {} } = document;
    if (consumers.length + groups.length + Object.keys(wanted).length === 0) {
      report([], 'names nobody: give consumers, groups or labels', { fix: 'consumers: ["*"] means everybody' });
    }
    return {
      effect: document.effect,
      consumers,
      groups,
      labels: wanted,
      upstreams: document.upstreams,
      methods: document.methods ?? [],
      paths: document.paths ?? [],
      ...(document.expires_at === undefined ? {} : { expires_at: document.expires_at }),
    };
  },
  write: (policyId, spec) => ({
    id: policyId,
    effect: spec.effect,
    ...(spec.consumers.length === 0 ? {} : { consumers: spec.consumers }),
    ...(spec.groups.length === 0 ? {} : { groups: spec.groups }),
    ...(Object.keys(spec.labels).length === 0 ? {} : { labels: spec.labels }),
    upstreams: spec.upstreams,
    ...(spec.methods.length === 0 ? {} : { methods: spec.methods }),
    ...(spec.paths.length === 0 ? {} : { paths: spec.paths }),
    ...(spec.expires_at === undefined ? {} : { expires_at: spec.expires_at }),
  }),
});
