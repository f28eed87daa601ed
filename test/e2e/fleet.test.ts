/**
 * The short forms of `npm run faults` and `npm run fleet`. What may never happen is asserted here; how fast something
 * is, is measured by the long forms on a machine that does nothing else.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly bound?: string;
}

function run(script: string, ...args: readonly string[]): readonly Figure[] {
  const { stdout, stderr } = spawnSync(process.execPath, [script, ...args, '--quick', '--json'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.ok(stdout.startsWith('['), stderr);
  return JSON.parse(stdout) as readonly Figure[];
}

/** The figures that must be 0 whatever the machine does. */
function assertNever(figures: readonly Figure[], what: RegExp, atLeast: number): void {
  const found = figures.filter(({ name, bound }) => bound === '= 0' && what.test(name));
  assert.ok(found.length >= atLeast, `${String(found.length)} figures match ${String(what)}`);
  assert.deepEqual(
    found.filter(({ value }) => value !== 0),
    [],
  );
}

function valueOf(figures: readonly Figure[], name: RegExp): number {
  const found = figures.find((figure) => name.test(figure.name));
  assert.ok(found, `no figure matches ${String(name)}`);
  return found.value;
}

it('allows nothing wrong, loses no write and stays honest while its parts are away', { timeout: 240_000 }, () => {
  const figures = run('bench/faults.ts');
  assertNever(figures, /wrong allows|401 or 403|without an answer/, 9);
  assertNever(figures, /acknowledged writes lost/, 1);
  assert.ok(valueOf(figures, /no fault: asked/) > 0);
  assert.ok(valueOf(figures, /writes acknowledged/) > 0);
});

it('refuses a revoked token, its own or a JWT, on every sidecar, pushed or not', { timeout: 240_000 }, () => {
  const figures = run('bench/fleet.ts', 'revocation');
  // `longest` is infinite, and null in JSON, where a revoked token went on being allowed for ten seconds.
  for (const kind of ['revocation', 'revocation of JWTs']) {
    for (const mode of ['all parts there', 'redis gone', 'push messages dropped']) {
      const longest = figures.filter(({ name }) => name.startsWith(`${kind}, ${mode}, `) && name.endsWith(': longest'));
      assert.ok(longest.length === 1 && Number.isFinite(longest[0]?.value), `${kind}, ${mode}`);
    }
  }
  assert.ok(valueOf(figures, /other questions/) > 0);
});

it('asks neither cache nor store about forged tokens', { timeout: 240_000 }, () => {
  const figures = run('bench/fleet.ts', 'flood');
  assertNever(figures, /look-ups in the (store|cache)/, 2);
  assert.ok(valueOf(figures, /forged tokens refused/) > 1_000);
});

it('counts a limit over several sidecars together, and goes on without Redis', { timeout: 240_000 }, () => {
  const figures = run('bench/fleet.ts', 'limits');
  assertNever(figures, /neither 200 nor 429/, 3);
  assert.ok(valueOf(figures, /allowed at most/) <= 1_010);
  assert.ok(valueOf(figures, /Redis killed at half: allowed in all$/) <= 1_500);
  assert.ok(valueOf(figures, /20 at once: most under way/) <= 20 + 3);
  assert.ok(
    valueOf(figures, /20 at once: most of one sidecar/) >= 20,
    'ends that another sidecar was told of freed all',
  );
});
