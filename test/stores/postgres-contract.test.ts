import type { TestContext } from 'node:test';
import type { Store } from '../../sidecar/core/ports.ts';
import { storeContract } from '../contract/store-contract.ts';
import { postgresForTests } from './open-postgres.ts';

const { server, open } = await postgresForTests();

async function openSeveral(t: TestContext, count: number): Promise<readonly [Store, Store, ...Store[]]> {
  const url = await server.database();
  const more = Array.from({ length: count - 2 }, () => open(t, url));
  return Promise.all([open(t, url), open(t, url), ...more]);
}

storeContract(
  'postgres',
  async (t, tuning = { changeLogRows: 100_000 }) => {
    const url = await server.database();
    const store = await open(t, url, tuning);
    return {
      store,
      async reopen() {
        await store.close();
        return open(t, url, tuning);
      },
    };
  },
  openSeveral,
);
