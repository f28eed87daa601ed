import type { Config, ListenAddress } from '../config/config.ts';
import type { Clock, Log } from '../core/ports.ts';
import { listen, type Listener } from '../http/listen.ts';
import { sharedPortProblem } from '../http/shared-port.ts';
import type { CleanUp } from './clean-up.ts';

type Server = Parameters<typeof listen>[0];
type Door = 'data' | 'admin' | 'metrics';

export interface Listeners {
  /** As bound: `127.0.0.1:9280`, `https://127.0.0.1:9280`, `unix:/path`. */
  readonly addresses: Readonly<Record<Door, string>>;
  drain(dataTimeoutMs: number): Promise<void>;
}

/** Open requests of administrators may finish. */
const adminDrainMs = 1_000;

/** Binds the data plane last: who is asked there must be able to answer. */
export async function bindListeners(
  config: Config,
  servers: Readonly<Record<Door, Server>>,
  deps: { readonly clock: Clock; readonly log: Log; readonly cleanUp: CleanUp },
): Promise<Listeners> {
  const { reusePort } = config.listen;
  const portProblem = reusePort ? sharedPortProblem() : undefined;
  if (portProblem !== undefined) deps.log.warn('shared_port', { problem: portProblem });
  const bind = async (server: Server, address: ListenAddress): Promise<Listener> => {
    const listener = await listen(server, address, { reusePort }, { clock: deps.clock });
    deps.cleanUp.add(() => listener.drain(0));
    return listener;
  };
  const named = (door: Door, { address }: Listener): string =>
    config.listen.tls[door] === undefined ? address : `https://${address}`;
  const metrics = await bind(servers.metrics, config.listen.metrics);
  const admin = await bind(servers.admin, config.listen.admin);
  const data = await bind(servers.data, config.listen.data);
  return {
    addresses: { data: named('data', data), admin: named('admin', admin), metrics: named('metrics', metrics) },
    async drain(dataTimeoutMs) {
      await data.drain(dataTimeoutMs);
      await Promise.all([admin.drain(adminDrainMs), metrics.drain(0)]);
    },
  };
}
