/** What every store does, whatever it is made of. A new store's test calls this and adds what is its own. */
import { suite, type TestContext } from 'node:test';
import type { Store } from '../../sidecar/core/ports.ts';
import { applyContract } from './store/apply-contract.ts';
import { changesContract } from './store/changes-contract.ts';
import { copyContract } from './store/copy-contract.ts';
import { fleetContract, type OpenSeveral } from './store/fleet-contract.ts';
import { lifeContract } from './store/life-contract.ts';
import { ownershipContract } from './store/ownership-contract.ts';
import { readAllContract } from './store/read-all-contract.ts';
import { readChangedContract } from './store/read-changed-contract.ts';
import { tokenContract } from './store/token-contract.ts';
import { writeContract } from './store/write-contract.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and opens it again; absent where nothing outlives the store. */
  readonly reopen?: () => Promise<Store>;
}

/** The store closes itself after the test. `changeLogRows`: how many changes it keeps at least; default: plenty. */
export type OpenForTest = (t: TestContext, tuning?: { readonly changeLogRows: number }) => Promise<OpenedStore>;

export function storeContract(name: string, open: OpenForTest, openSeveral?: OpenSeveral): void {
  suite(`store contract: ${name}`, () => {
    writeContract(open);
    ownershipContract(open);
    tokenContract(open);
    applyContract(open);
    changesContract(open);
    readAllContract(open);
    copyContract(open);
    readChangedContract(open);
    lifeContract(open);
    if (openSeveral !== undefined) fleetContract(openSeveral);
  });
}
