/** PostgreSQL stores for tests: one server a test file, a fresh database a store. */
import { after, type TestContext } from 'node:test';
import type { Store } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { openPostgresStore, type PostgresOptions } from '../../sidecar/stores/postgres.ts';
import { startPostgres, type TestPostgres, type TestPostgresOptions } from '../support/postgres.ts';
import { recordingLog, type RecordingLog } from '../support/recording-log.ts';

export interface PostgresForTests {
  readonly server: TestPostgres;
  readonly log: RecordingLog;
  /** Closes with the test. */
  open(t: TestContext, url: string, options?: PostgresOptions): Promise<Store>;
}

export async function postgresForTests(options: TestPostgresOptions = {}): Promise<PostgresForTests> {
  const server = await startPostgres(options);
  after(() => server.stop());
  const log = recordingLog();
  return {
    server,
    log,
    async open(t, url, storeOptions = {}) {
      // Time-outs are real: no fake clock would ever reach them.
      const location = url.replace(/^postgres:/, '');
      const store = await openPostgresStore(location, storeOptions, { clock: systemClock, log });
      t.after(() => store.close());
      return store;
    },
  };
}
