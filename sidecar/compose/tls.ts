import type { Config } from '../config/config.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { MakeServer } from '../http/hardened-server.ts';

type Door = keyof Config['listen']['tls'];

/** How each listener's server is made; undefined: as usual, without TLS. Throws `config_invalid`. */
export async function chooseServers(
  { tls }: Config['listen'],
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<Readonly<Record<Door, MakeServer | undefined>>> {
  const none = { data: undefined, admin: undefined, metrics: undefined };
  if (Object.values(tls).every((files) => files === undefined)) return none;
  // Loaded where it is used: most sidecars listen on the loopback.
  const { makeTlsServer } = await import('../http/tls-server.ts');
  const choose = (listener: Door) => tls[listener] && makeTlsServer({ listener, files: tls[listener] }, deps);
  return { data: choose('data'), admin: choose('admin'), metrics: choose('metrics') };
}
