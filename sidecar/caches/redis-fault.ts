/** What a server's error reply may begin with and is worth telling. */
const serverFaults = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM', 'LOADING', 'OOM', 'READONLY', 'MISCONF', 'BUSY', 'ERR']);

/**
 * A short, bounded reason for the log. Never the message: servers repeat the arguments of what they refuse (the
 * password of AUTH), and the client's errors carry the command.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'ReplyError') {
    const word = error.message.split(' ', 1)[0] ?? '';
    return serverFaults.has(word) ? word : 'error_reply';
  }
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(error.code)) return error.code;
  if (error.message === 'Command timed out') return 'timeout';
  return 'connection_closed';
}
