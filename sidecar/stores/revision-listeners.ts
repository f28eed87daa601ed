import type { Cancel, Log } from '../core/ports.ts';

export interface RevisionListeners {
  readonly add: (listener: (revision: number) => void) => Cancel;
  tell(revision: number): void;
}

/** Who wants to know of revisions. A listener that throws hurts neither the others nor the write, which is committed. */
export function createRevisionListeners(log: Log): RevisionListeners {
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
          log.error('store_listener_failed', { revision, error });
        }
      }
    },
  };
}
