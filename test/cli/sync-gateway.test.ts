import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CliFailure } from '../../sidecar/cli/failure.ts';
import { syncGateway } from '../../sidecar/cli/sync-gateway.ts';
import { fileWiring } from '../../sidecar/gateway/render/wiring.ts';
import type { SyncTarget } from '../../sidecar/gateway/sync/target.ts';

const configuration = { routes: [] };
const source = { minimumVersion: '3.17', files: [], build: () => Promise.resolve(configuration) };

function targetOf(log: string[]): SyncTarget {
  const step = { action: 'remove', id: 'a', before: {} } as const;
  return {
    name: 'a gateway',
    wiring: fileWiring,
    plan: () => Promise.resolve({ steps: [step], inStep: [], refusals: [], warnings: [] }),
    apply: () => {
      log.push('applied');
      return Promise.resolve({ done: true });
    },
  };
}

describe('a configuration that is refused', () => {
  it('is not applied, and the problems are said', async () => {
    const log: string[] = [];
    const options = {
      confirm: () => Promise.resolve(true),
      refuse: (given: unknown) => {
        assert.equal(given, configuration);
        return Promise.resolve([{ severity: 'error' as const, message: 'allow_degradation is on' }]);
      },
    };
    await assert.rejects(syncGateway(source, targetOf(log), options), (error: unknown) => {
      assert.ok(error instanceof CliFailure);
      assert.deepEqual(
        [error.exitCode, error.problems.map(({ message }) => message)],
        [4, ['allow_degradation is on']],
      );
      return true;
    });
    assert.deepEqual(log, []);
  });
  it('is applied where there are only warnings', async () => {
    const log: string[] = [];
    const refuse = () => Promise.resolve([{ severity: 'warning' as const, message: 'plain http' }]);
    const report = await syncGateway(source, targetOf(log), { confirm: () => Promise.resolve(true), refuse });
    assert.deepEqual([report.applied, log], [true, ['applied']]);
  });
  it('is left where the operator says no', async () => {
    const log: string[] = [];
    const report = await syncGateway(source, targetOf(log), { confirm: () => Promise.resolve(false) });
    assert.deepEqual([report.applied, log], [false, []]);
  });
});
