import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from '../../sidecar/config/closest.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../sidecar/config/units.ts';

test('reads durations with each unit', () => {
  assert.deepEqual(
    ['500ms', '30s', '15m', '2h', '30d', '0s'].map(parseDuration),
    [500, 30_000, 900_000, 7_200_000, 2_592_000_000, 0],
  );
});

test('refuses durations without a unit, with a sign, a fraction or two units', () => {
  for (const text of ['30', '', '-1s', '1.5s', '1m30s', '1 s', '30S', 's'])
    assert.equal(parseDuration(text), undefined);
});

test('reads sizes with binary units only', () => {
  assert.deepEqual(['1B', '1KiB', '64MiB', '2GiB'].map(parseSize), [1, 1_024, 67_108_864, 2_147_483_648]);
  for (const text of ['64MB', '64', '1mib', '64 MiB']) assert.equal(parseSize(text), undefined);
});

test('writes what it reads back, in the largest unit that fits', () => {
  assert.deepEqual([0, 1, 1_500, 60_000, 86_400_000].map(formatDuration), ['0s', '1ms', '1500ms', '1m', '1d']);
  assert.deepEqual([0, 1_025, 67_108_864].map(formatSize), ['0B', '1025B', '64MiB']);
});

test('guesses the word that was meant, and only where one is near', () => {
  assert.equal(closest('upstraems', ['upstreams', 'consumers']), 'upstreams');
  assert.equal(closest('base-url', ['base_url', 'prefix']), 'base_url');
  assert.equal(closest('zebra', ['upstreams', 'consumers']), undefined);
  assert.equal(closest('x'.repeat(10_000), ['upstreams']), undefined);
});
