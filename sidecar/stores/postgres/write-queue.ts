import type { CredentialFlowError } from '../../core/error.ts';
import { ServerAway } from './faults.ts';

/**
 * One write of this process after the other, in the order asked: they would queue at the revision's row anyway, each
 * with a connection in hand. When the store does not answer one of them, those that waited for it fail with it: each
 * would only find out the same, after as long a wait.
 */
export interface WriteQueue {
  take<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when those that were asked for are done; later ones get `refusal`. */
  close(refusal: () => CredentialFlowError): Promise<void>;
}

export function createWriteQueue(): WriteQueue {
  let last: Promise<unknown> = Promise.resolve();
  let outages = 0;
  let refuse: (() => CredentialFlowError) | undefined;

  return {
    take<T>(work: () => Promise<T>): Promise<T> {
      if (refuse !== undefined) return Promise.reject(refuse());
      const asked = outages;
      const turn = last.then(async () => {
        if (outages !== asked) throw new ServerAway('the server was lost while this write waited');
        try {
          return await work();
        } catch (error) {
          if (error instanceof ServerAway) outages += 1;
          throw error;
        }
      });
      last = turn.catch(() => undefined);
      return turn;
    },
    async close(refusal) {
      refuse = refusal;
      await last;
    },
  };
}
