import { z } from 'zod';
import { limitDimensions, limitMeasures } from '../../core/limit.ts';
import { microsPerUnit } from '../../core/prices.ts';
import { formatDuration } from '../../config/units.ts';
import { decimal, durationMs, groupName, id, idOrStar, labels, listOf, nonEmptyListOf } from '../fields.ts';
import { defineKind } from '../kind.ts';

const maxAmount = 1_000_000_000;
const maxCost = 1_000_000;
const maxWindowMs = 31 * 86_400_000;
const minWindowMs = 1_000;

const amount = z.int().min(0).max(maxAmount).optional();

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among limits; RateLimit-Policy names it.' }),
    consumers: listOf(idOrStar, 10_000).optional().meta({ description: 'Consumers meant; "*" for all.' }),
    groups: listOf(groupName, 10_000).optional().meta({ description: 'Groups meant.' }),
    labels: labels.optional().meta({ description: 'Consumers that carry all these labels are meant.' }),
    upstreams: nonEmptyListOf(idOrStar, 10_000)
      .optional()
      .meta({ description: 'Upstreams meant; left out: every one.' }),
    per: z
      .array(z.enum(limitDimensions))
      .min(1)
      .max(limitDimensions.length)
      .refine((list) => new Set(list).size === list.length, 'must not name one thing twice')
      .optional()
      .meta({ description: 'What each has a counter of its own; default [consumer].' }),
    requests: amount.meta({ description: 'At most so many requests within the window.' }),
    llm_tokens: amount.meta({ description: 'At most so many tokens of language models within the window.' }),
    cost: decimal(maxCost)
      .optional()
      .meta({ description: 'Tokens may cost at most so much within the window, in the currency of the prices.' }),
    concurrent: amount.meta({ description: 'At most so many requests at once.' }),
    window: durationMs(maxWindowMs, '31d')
      .optional()
      .meta({ description: 'Length of the sliding window, 1s to 31d; not with concurrent.' }),
    mode: z.enum(['enforce', 'warn']).optional().meta({ description: 'warn: counted and reported, denies nothing.' }),
    on_cache_loss: z
      .enum(['local', 'deny', 'allow'])
      .optional()
      .meta({ description: 'While shared counters cannot be reached: go on with the own share, or deny, or allow.' }),
  })
  .meta({ description: 'How often something may be asked for.' });

export const limitKind = defineKind({
  kind: 'limit',
  section: 'limits',
  schema,
  toSpec(document, { report }) {
    const { consumers = [], groups = [], labels: wanted = {}, per = ['consumer'] } = document;
    const namesNobody = consumers.length + groups.length + Object.keys(wanted).length === 0;
    const named = limitMeasures.filter((name) => document[name] !== undefined);
    const [measure = 'requests'] = named;
    if (named.length !== 1) report([], 'must have one of requests, llm_tokens, cost and concurrent');
    else if (measure === 'concurrent') {
      if (document.window !== undefined)
        report(['window'], 'has no meaning beside concurrent: what is at once has none');
    } else if (document.window === undefined)
      report([], `needs the window that ${measure.replace('_', ' ')} is counted in`, { fix: 'window: 1m' });
    else if (document.window < minWindowMs) report(['window'], 'must be at least 1s');
    return {
      consumers: namesNobody ? ['*'] : consumers,
      groups,
      labels: wanted,
      upstreams: document.upstreams ?? ['*'],
      per,
      measure,
      most: document[measure] ?? 0,
      window_ms: document.window ?? 0,
      mode: document.mode ?? 'enforce',
      on_cache_loss: document.on_cache_loss ?? 'local',
    };
  },
  write: (limitId, spec) => ({
    id: limitId,
    ...(spec.consumers.length === 0 ? {} : { consumers: spec.consumers }),
    ...(spec.groups.length === 0 ? {} : { groups: spec.groups }),
    ...(Object.keys(spec.labels).length === 0 ? {} : { labels: spec.labels }),
    upstreams: spec.upstreams,
    per: spec.per,
    [spec.measure]: spec.measure === 'cost' ? spec.most / microsPerUnit : spec.most,
    ...(spec.measure === 'concurrent' ? {} : { window: formatDuration(spec.window_ms) }),
    mode: spec.mode,
    on_cache_loss: spec.on_cache_loss,
  }),
});
