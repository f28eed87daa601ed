import { storeContract } from '../contract/store-contract.ts';
import { postgresForTests } from './open-postgres.ts';

const { server, open } = await postgresForTests();

storeContract('postgres', async (t, tuning = { changeLogRows: 100_000 }) => {
  const url = await server.database();
  const store = await open(t, url, tuning);
  return {
    store,
    async reopen() {
      await store.close();
      return open(t, url, tuning);
    },
  };
});
