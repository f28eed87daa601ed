/** Stores for tests: a file in a temporary folder, or memory; closed and removed after the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Log, Store } from '../../sidecar/core/ports.ts';
import { openSqliteStore, type SqliteOptions } from '../../sidecar/stores/sqlite.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

export interface LogLine {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

export function createLogList(): Log & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const add = (event: string, fields?: Readonly<Record<string, unknown>>) => void lines.push({ event, fields });
  return { lines, debug: add, info: add, warn: add, error: add };
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cf-store-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface Opening {
  readonly clock: FakeClock;
  readonly log: ReturnType<typeof createLogList>;
  readonly open: (location: string, options?: SqliteOptions) => Promise<Store>;
}

/** Opens stores that close with the test. */
export function createOpening(t: TestContext): Opening {
  const clock = createFakeClock();
  const log = createLogList();
  return {
    clock,
    log,
    async open(location, options = {}) {
      const store = await openSqliteStore(location, options, { clock, log });
      t.after(() => store.close());
      return store;
    },
  };
}
