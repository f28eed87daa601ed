import { z } from 'zod';
import { groupName, id, labels, listOf, plainText } from '../fields.ts';
import { defineKind } from '../kind.ts';

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among consumers.' }),
    owner: plainText.optional().meta({ description: 'Who answers for it: an address or a team.' }),
    groups: listOf(groupName, 1_000).optional().meta({ description: 'Groups that policies may name.' }),
    labels: labels.optional().meta({ description: 'Labels that policies may name; values are text.' }),
  })
  .meta({ description: 'Who calls: a team, a service, an agent.' });

export const consumerKind = defineKind({
  kind: 'consumer',
  section: 'consumers',
  schema,
  toSpec(document, { report }) {
    if (document.owner === undefined) {
      report(['owner'], 'is missing: nobody answers for this consumer', {
        severity: 'warning',
        fix: 'name a person or team',
      });
    }
    return {
      ...(document.owner === undefined ? {} : { owner: document.owner }),
      groups: document.groups ?? [],
      labels: document.labels ?? {},
    };
  },
  write: (consumerId, spec) => ({
    id: consumerId,
    ...(spec.owner === undefined ? {} : { owner: spec.owner }),
    ...(spec.groups.length === 0 ? {} : { groups: spec.groups }),
    ...(Object.keys(spec.labels).length === 0 ? {} : { labels: spec.labels }),
  }),
});
