import type { Cancel, Log } from '../../core/ports.ts';

export interface CommitListeners {
  readonly add: (listener: (revision: number) => void) => Cancel;
  tell(revision: number): void;
}

/** A listener that throws hurts neither the others nor the write, which has been committed. */
export function createCommitListeners(log: Log): CommitListeners {
  const listeners = new Set<{ readonly call: (revision: number) => void }>();
  return {
    add(call) {
      const listener = { call };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(revision) {
      for (const { call } of listeners) {
        try {
          call(revision);
        } catch (error) {
          log.error('commit_listener_failed', { revision, error });
        }
      }
    },
  };
}
