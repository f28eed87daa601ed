import { readFileSync } from 'node:fs';

const setting = '/proc/sys/net/ipv4/tcp_migrate_req';

/**
 * What is missing for an upgrade without a single lost connection where processes share a port: Linux resets what waits
 * in the queue of a listener that closes unless it may hand it to the others. Undefined: nothing, or not Linux.
 */
export function sharedPortProblem(): string | undefined {
  try {
    if (readFileSync(setting, 'utf8').trim() !== '0') return undefined;
  } catch {
    return undefined;
  }
  return 'net.ipv4.tcp_migrate_req is 0: a new connection may be reset at the moment in which a process stops; set it to 1';
}
