import type { Store } from '../core/ports.ts';
import type { StoreDeps } from '../stores/store-kind.ts';
import type { Terminal } from './terminal.ts';

/** Opens a store without a sidecar; what the store has to say goes to stderr. */
export async function openOffline(
  url: string,
  options: { readonly mustExist: boolean },
  terminal: Terminal,
): Promise<Store> {
  const { openStore } = await import('../stores/index.ts');
  return openStore(url, options, await offlineDeps(terminal));
}

export async function offlineDeps(terminal: Terminal): Promise<StoreDeps> {
  const { systemClock: clock } = await import('../ops/clock.ts');
  const { createLogger } = await import('../ops/logger.ts');
  const log = createLogger({ level: 'warn', destination: { write: (line) => terminal.err(line) } }, { clock });
  return { clock, log };
}
