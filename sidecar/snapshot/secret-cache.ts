import type { Cancel, Log, SecretManager } from '../core/ports.ts';
import type { SecretReference } from '../core/resources.ts';
import type { Secret } from '../core/secret.ts';

export type ResolvedSecret = { readonly secret: Secret } | { readonly problem: string };

/** Resolved secrets by credential, kept while a snapshot uses them, and re-read when their source changes. */
export interface SecretCache {
  /** Resolves once per reference; a later failure to re-read keeps the last good value and says so. */
  resolve(credentialId: string, reference: SecretReference): Promise<ResolvedSecret>;
  /** Forgets (and stops watching) every credential that is not named. */
  keepOnly(credentialIds: ReadonlySet<string>): void;
  close(): void;
}

interface Entry {
  readonly reference: string;
  resolved: ResolvedSecret;
  readonly stopWatching: Cancel | undefined;
}

export function createSecretCache(
  managers: ReadonlyMap<string, SecretManager>,
  deps: { readonly log: Log; readonly onChange: (credentialId: string) => void },
): SecretCache {
  const entries = new Map<string, Entry>();

  async function read(credentialId: string, reference: SecretReference): Promise<ResolvedSecret> {
    const manager = managers.get(reference.from);
    if (manager === undefined) return { problem: `no secret manager is called "${reference.from}"` };
    try {
      return { secret: await manager.resolve(reference, bindingOf(credentialId)) };
    } catch (error) {
      // Managers promise messages that name the place and never the value.
      return { problem: error instanceof Error ? error.message : 'the secret could not be read' };
    }
  }

  async function reread(credentialId: string, reference: SecretReference): Promise<void> {
    const next = await read(credentialId, reference);
    const entry = entries.get(credentialId);
    if (entry?.reference !== JSON.stringify(reference)) return;
    if ('problem' in next && 'secret' in entry.resolved) {
      deps.log.warn('secret_reread_failed', {
        credential: credentialId,
        problem: next.problem,
        kept: 'last good value',
      });
      return;
    }
    if ('secret' in next && 'secret' in entry.resolved && next.secret.reveal() === entry.resolved.secret.reveal())
      return;
    entry.resolved = next;
    deps.log.info('secret_changed', { credential: credentialId });
    deps.onChange(credentialId);
  }

  function forget(credentialId: string): void {
    entries.get(credentialId)?.stopWatching?.();
    entries.delete(credentialId);
  }

  return {
    async resolve(credentialId, reference) {
      const text = JSON.stringify(reference);
      const known = entries.get(credentialId);
      if (known?.reference === text) return known.resolved;
      const resolved = await read(credentialId, reference);
      forget(credentialId);
      const stopWatching = managers.get(reference.from)?.watch?.(reference, () => void reread(credentialId, reference));
      entries.set(credentialId, { reference: text, resolved, stopWatching });
      return resolved;
    },
    keepOnly(credentialIds) {
      for (const id of entries.keys()) if (!credentialIds.has(id)) forget(id);
    },
    close() {
      for (const id of [...entries.keys()]) forget(id);
    },
  };
}

/** What a sealed secret of this credential is bound to; it opens nowhere else. */
export function bindingOf(credentialId: string): string {
  return `credential/${credentialId}`;
}
