import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSchedule } from '../../sidecar/policies/schedule.ts';
import { createZones } from '../../sidecar/policies/zones.ts';

const zones = createZones();
const includes = (spec: Partial<Parameters<typeof compileSchedule>[0]>, time: string): boolean =>
  compileSchedule({ zone: 'Europe/Berlin', days: [], ...spec }, zones)(Date.parse(time));

describe('schedules', () => {
  // 2026-11-25 is a Wednesday; Berlin is at UTC+1 in winter and at UTC+2 in summer.
  const cases: readonly (readonly [Parameters<typeof includes>[0], string, boolean])[] = [
    [{ hours: '08:00-18:00' }, '2026-11-25T07:00:00Z', true],
    [{ hours: '08:00-18:00' }, '2026-11-25T06:59:59.999Z', false],
    [{ hours: '08:00-18:00' }, '2026-11-25T17:00:00Z', false],
    [{ hours: '08:00-18:00' }, '2026-07-01T06:00:00Z', true],
    [{ days: ['wed'] }, '2026-11-24T23:00:00Z', true],
    [{ days: ['wed'] }, '2026-11-25T23:00:00Z', false],
    [{ days: ['wed'], hours: '22:00-06:00' }, '2026-11-25T21:30:00Z', true],
    [{ days: ['wed'], hours: '22:00-06:00' }, '2026-11-26T04:59:00Z', true],
    [{ days: ['wed'], hours: '22:00-06:00' }, '2026-11-26T05:00:00Z', false],
    [{ days: ['wed'], hours: '22:00-06:00' }, '2026-11-25T04:00:00Z', false],
    [{ days: ['sat'], hours: '22:00-06:00' }, '2026-11-29T03:00:00Z', true],
    [{ hours: '18:00-24:00' }, '2026-11-25T22:59:59Z', true],
    [{ zone: 'Asia/Kathmandu', hours: '05:45-06:00' }, '2026-11-25T00:00:00Z', true],
  ];
  for (const [spec, time, expected] of cases) {
    it(`${JSON.stringify(spec)} ${expected ? 'includes' : 'does not include'} ${time}`, () => {
      assert.equal(includes(spec, time), expected);
    });
  }

  it('follows the change to winter time within the hour', () => {
    // On 2026-10-25 at 01:00 UTC Berlin's clocks go from 03:00 back to 02:00.
    assert.equal(includes({ hours: '02:00-03:00' }, '2026-10-25T00:30:00Z'), true);
    assert.equal(includes({ hours: '02:00-03:00' }, '2026-10-25T01:30:00Z'), true);
    assert.equal(includes({ hours: '02:00-03:00' }, '2026-10-25T02:00:00Z'), false);
  });

  it('refuses what cannot be read', () => {
    for (const wrong of [{ zone: 'Mars/Base' }, { hours: '8-18' }, { hours: '25:00-26:00' }, { days: ['someday'] }]) {
      assert.throws(() => includes(wrong, '2026-11-25T00:00:00Z'), RangeError);
    }
  });
});
