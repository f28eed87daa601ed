import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { SecretManager } from '../../sidecar/core/ports.ts';
import type { SecretReference } from '../../sidecar/core/resources.ts';

export interface ManagedSecret {
  readonly manager: SecretManager;
  readonly reference: SecretReference;
}

/** What every secret manager must do. `store` puts a value where the reference finds it. */
export function secretManagerContract(
  kind: string,
  store: (value: string) => Promise<ManagedSecret>,
  absent: () => Promise<ManagedSecret>,
): void {
  const binding = 'credential/c';
  describe(`secret manager ${kind} keeps the contract`, () => {
    it('resolves what was stored', async () => {
      const { manager, reference } = await store('sk-abc é');
      assert.equal((await manager.resolve(reference, binding)).reveal(), 'sk-abc é');
      assert.deepEqual(manager.check(reference), []);
    });

    it('refuses options that it does not know', async () => {
      const { manager, reference } = await store('x');
      assert.ok(manager.check({ ...reference, unheard_of: 1 }).length > 0);
      assert.ok(manager.check({ from: kind }).length > 0);
    });

    it('says which place is missing', async () => {
      const { manager, reference } = await absent();
      await assert.rejects(manager.resolve(reference, binding), { code: 'secret_invalid' });
    });

    for (const bad of ['', '  ', 'needle\nX-Evil: 1', 'needle\u0001', 'needle€']) {
      it(`refuses ${JSON.stringify(bad)} without repeating it`, async () => {
        const { manager, reference } = await store(bad);
        await assert.rejects(
          manager.resolve(reference, binding),
          (error) =>
            error instanceof CredentialFlowError &&
            error.code === 'secret_invalid' &&
            !error.message.includes('needle'),
        );
      });
    }
  });
}
