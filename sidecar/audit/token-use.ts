import type { Clock, Log, Store } from '../core/ports.ts';

/** Last-used times of tokens, kept in memory and written in one go: no request ever writes. */
export interface TokenUse {
  seen(tokenId: string, atMs: number): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface TokenUseOptions {
  /** Milliseconds between two writes. */
  readonly flushMs: number;
  /** Tokens kept between two writes; further ones are left out of this round (the time is only information). */
  readonly maxTokens: number;
}

export function createTokenUse(
  options: TokenUseOptions,
  deps: { readonly store: Pick<Store, 'recordTokenUse'>; readonly clock: Clock; readonly log: Log },
): TokenUse {
  let uses = new Map<string, number>();

  async function flush(): Promise<void> {
    if (uses.size === 0) return;
    const batch = uses;
    uses = new Map();
    try {
      await deps.store.recordTokenUse(batch);
    } catch (error) {
      deps.log.warn('token_use_not_written', { tokens: batch.size, error });
    }
  }

  const cancel = deps.clock.every(options.flushMs, () => void flush());
  return {
    seen(tokenId, atMs) {
      if (uses.size < options.maxTokens || uses.has(tokenId)) uses.set(tokenId, atMs);
    },
    flush,
    async stop() {
      cancel();
      await flush();
    },
  };
}
