import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Cancel, Clock, Log } from '../core/ports.ts';
import { readTlsIdentity, secureContextOptions, type TlsIdentity } from '../http/tls-identity.ts';

type Door = keyof Config['listen']['tls'];

/** How often the files are looked at. */
const pollMs = 30_000;

/** What can be told of an https server that listens. */
export interface Renewable {
  setSecureContext(options: ReturnType<typeof secureContextOptions>): void;
}

export type TlsIdentities = Readonly<Record<Door, TlsIdentity | undefined>>;

/** Undefined where a listener speaks plain HTTP. Throws `config_invalid`. */
export function readTlsIdentities({ tls }: Config['listen']): TlsIdentities {
  const read = (door: Door) => tls[door] && readTlsIdentity(tls[door]);
  return { data: read('data'), admin: read('admin'), metrics: read('metrics') };
}

/** New connections get a renewed certificate; files that are wrong, or half written, leave the one before in place. */
export function followTlsFiles(
  tls: Config['listen']['tls'],
  identities: TlsIdentities,
  servers: Readonly<Record<Door, object>>,
  deps: { readonly clock: Clock; readonly log: Log },
): Cancel {
  const known = new Map<Door, { identity: TlsIdentity | undefined; fault: string | undefined }>();
  const doors = (Object.keys(tls) as Door[]).filter((door) => tls[door] !== undefined);
  for (const door of doors) known.set(door, { identity: identities[door], fault: undefined });

  function look(door: Door): void {
    const state = known.get(door);
    const files = tls[door];
    if (state === undefined || files === undefined) return;
    try {
      const identity = readTlsIdentity(files);
      state.fault = undefined;
      if (isDeepStrictEqual(identity, state.identity)) return;
      (servers[door] as Renewable).setSecureContext(secureContextOptions(identity));
      state.identity = identity;
      deps.log.info('certificate_renewed', { listener: door });
    } catch (error) {
      const fault = error instanceof CredentialFlowError ? error.message : 'unknown';
      if (fault === state.fault) return;
      state.fault = fault;
      deps.log.error('certificate_not_renewed', { listener: door, reason: fault, effect: 'the one before stays' });
    }
  }

  if (doors.length === 0) return () => undefined;
  return deps.clock.every(pollMs, () => {
    for (const door of doors) look(door);
  });
}
