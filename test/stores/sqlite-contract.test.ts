import { join } from 'node:path';
import { storeContract } from '../contract/store-contract.ts';
import { createOpening, temporaryFolder } from './open-sqlite.ts';

storeContract('sqlite, in a file', async (t, tuning = { changeLogRows: 100_000 }) => {
  const path = join(await temporaryFolder(t), 'store.db');
  const { open } = createOpening(t);
  const store = await open(path, tuning);
  return {
    store,
    async reopen() {
      await store.close();
      return open(path, tuning);
    },
  };
});

storeContract('sqlite, in memory', async (t, tuning = { changeLogRows: 100_000 }) => ({
  store: await createOpening(t).open(':memory:', tuning),
}));
