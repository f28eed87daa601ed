import type { Terminal } from './terminal.ts';

/** How the next command is to be typed here: by npx where npm started this one. */
export function commandName({ env }: Pick<Terminal, 'env'>): string {
  const isNpm = env['npm_lifecycle_event'] !== undefined || env['npm_command'] !== undefined;
  return isNpm ? 'npx credentialflow' : 'credentialflow';
}
