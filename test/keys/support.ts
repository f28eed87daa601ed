/** A store in memory, and rings whose keys are repeated bytes. */
import type { TestContext } from 'node:test';
import type { Actor, Mutation, Store } from '../../sidecar/core/ports.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring, type Keyring } from '../../sidecar/keys/keyring.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

export const admin: Actor = { name: 'admin', action: 'test' };

/** `ring('k2', 'k1')`: k2 is current; the key of kN is 32 times the byte N. */
export function ring(...versions: readonly string[]): Keyring {
  return createKeyring(
    versions.map((version) => ({
      version,
      key: new Secret(new Uint8Array(32).fill(Number(version.slice(1)))),
    })),
  );
}

export async function openMemoryStore(t: TestContext): Promise<Store> {
  const store = await openStore('sqlite::memory:', {}, { clock: createFakeClock(), log: recordingLog() });
  t.after(() => store.close());
  return store;
}

export const secretOf = (id: string): string => `sk-secret-of-${id}`;

export async function sealedCredential(id: string, keyring: Keyring, owner: 'api' | `file:${string}` = 'api') {
  const value = await keyring.seal(new Secret(secretOf(id)), `credential/${id}`);
  return putSealed(id, value, owner);
}

export function putSealed(id: string, value: string, owner: 'api' | `file:${string}` = 'api') {
  const spec = { upstream: 'openai', secret: { from: 'sealed', value }, headers: {} };
  return { op: 'put', kind: 'credential', id, owner, spec } as const satisfies Mutation;
}

export async function opened(store: Store, id: string, keyring: Keyring): Promise<string> {
  const record = await store.getResource('credential', id);
  if (record?.kind !== 'credential') throw new Error(`there is no credential ${id}`);
  return (await keyring.open(String(record.spec.secret?.['value']), `credential/${id}`)).reveal();
}
