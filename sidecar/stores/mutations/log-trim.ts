/** What is to be dropped from the change log before a write is committed. */
export type LogTrim = 'nothing' | 'everything' | { readonly oldest: number };

/**
 * The log keeps `keep` changes at least, and a tenth more so that not every write trims. One write of more changes than
 * `keep` leaves no log at all: its readers must read everything anyway.
 */
export function planLogTrim(logged: number, written: number, keep: number): LogTrim {
  if (written > keep) return 'everything';
  const oldest = logged + written - keep;
  return oldest <= Math.ceil(keep / 10) ? 'nothing' : { oldest };
}
