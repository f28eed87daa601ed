import { z } from 'zod';
import type { ScheduleSpec } from '../../core/resources.ts';
import { groupName, id, idOrStar, labels, listOf, nonEmptyListOf, time, timeZone } from '../fields.ts';
import { defineKind } from '../kind.ts';
import { pathGlob } from '../path-glob.ts';

const method = z
  .string()
  .regex(/^[A-Za-z]{1,32}$/, 'must be an HTTP method such as POST')
  .transform((text) => text.toUpperCase());

const hours = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'must be of the form 08:00-18:00');

const schedule = z.strictObject({
  zone: timeZone.meta({ description: 'IANA name of the time zone, such as Europe/Berlin.' }),
  days: nonEmptyListOf(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']), 7)
    .optional()
    .meta({ description: 'Days of the week; left out: every day.' }),
  hours: hours.optional().meta({ description: 'From and until (not included); left out: the whole day.' }),
});

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
    not_before: time.optional().meta({ description: 'Until then the policy says nothing; RFC 3339.' }),
    expires_at: time.optional().meta({ description: 'From then on the policy says nothing; RFC 3339.' }),
    schedule: schedule.optional().meta({ description: 'When in the week the policy speaks.' }),
    when: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .meta({ description: 'CEL: the policy speaks only where it is true; docs/policies.md.' }),
    mode: z
      .enum(['enforce', 'shadow'])
      .optional()
      .meta({ description: 'shadow: decides nothing, counts what it would have done. Default: enforce.' }),
  })
  .meta({ description: 'Who may do what.' });

export const policyKind = defineKind({
  kind: 'policy',
  section: 'policies',
  schema,
  toSpec(document, { report, deps }) {
    const { consumers = [], groups = [], labels: wanted = {} } = document;
    if (consumers.length + groups.length + Object.keys(wanted).length === 0) {
      report([], 'names nobody: give consumers, groups or labels', { fix: 'consumers: ["*"] means everybody' });
    }
    const { not_before: notBefore, expires_at: expiresAt, schedule: weekly, when } = document;
    if (notBefore !== undefined && expiresAt !== undefined && Date.parse(notBefore) >= Date.parse(expiresAt)) {
      report(['not_before'], 'must be before expires_at');
    }
    for (const { message, fix, offset } of when === undefined ? [] : deps.conditionProblems(when)) {
      report(['when'], message, { fix, within: offset });
    }
    return {
      effect: document.effect,
      consumers,
      groups,
      labels: wanted,
      upstreams: document.upstreams,
      methods: document.methods ?? [],
      paths: document.paths ?? [],
      ...(notBefore === undefined ? {} : { not_before: notBefore }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      ...(weekly === undefined
        ? {}
        : { schedule: { zone: weekly.zone, days: weekly.days ?? [], ...(weekly.hours === undefined ? {} : { hours: weekly.hours }) } }), // prettier-ignore
      ...(when === undefined ? {} : { when }),
      ...(document.mode === 'shadow' ? { mode: 'shadow' as const } : {}),
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
    ...(spec.not_before === undefined ? {} : { not_before: spec.not_before }),
    ...(spec.expires_at === undefined ? {} : { expires_at: spec.expires_at }),
    ...(spec.schedule === undefined ? {} : { schedule: writeSchedule(spec.schedule) }),
    ...(spec.when === undefined ? {} : { when: spec.when }),
    ...(spec.mode === undefined ? {} : { mode: spec.mode }),
  }),
});

function writeSchedule({ zone, days, hours: daily }: ScheduleSpec): Readonly<Record<string, unknown>> {
  return { zone, ...(days.length === 0 ? {} : { days }), ...(daily === undefined ? {} : { hours: daily }) };
}
