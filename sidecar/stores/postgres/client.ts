import { Client, types, type ClientConfig } from 'pg';
import { readTlsOptions } from './tls.ts';
import type { PostgresAddress } from './url.ts';

type CustomTypes = NonNullable<ClientConfig['types']>;

/** BIGINT, as pg_type numbers it. */
const int8 = 20;

const standardParser = types.getTypeParser as (oid: number, format?: string) => unknown;

/** Every number of ours is a safe integer; the driver would give texts for what may be none. */
const customTypes: CustomTypes = {
  getTypeParser: ((oid: number, format?: string) =>
    oid === int8 ? Number : standardParser(oid, format)) as CustomTypes['getTypeParser'],
};

/** After so long without a word the kernel asks whether the other side still lives; milliseconds. */
const keepAliveAfterMs = 10_000;

/**
 * How to connect. Everything is said, so that the driver takes nothing from PG… variables. No setting is sent at the
 * start of a session: a pooler would refuse it, or give it to somebody else with the connection.
 */
export function clientConfig(address: PostgresAddress): ClientConfig {
  const { host, port, user, database } = address;
  return {
    host,
    port,
    user,
    database,
    // A function: the driver would look into ~/.pgpass and PGPASSWORD for what is undefined.
    password: () => address.password?.reveal() ?? '',
    ssl: readTlsOptions(address),
    application_name: 'credentialflow',
    connectionTimeoutMillis: address.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    types: customTypes,
  };
}

/** Ends the connection at once. `end()` waits for a farewell, which a server that hangs does not give. */
export function sever(client: Client): void {
  // Not in the driver's types, but where it has its socket.
  const { connection } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** The driver leaves a connection open on which it could not log in; the server would wait a minute for more. */
export class TidyClient extends Client {
  override connect(): Promise<Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: Client) => void)): void;
  override connect(callback?: (error: never, client: never) => void): Promise<Client> | undefined {
    const connecting = super.connect().catch((error: unknown) => {
      sever(this);
      throw error;
    });
    if (callback === undefined) return connecting;
    connecting.then(
      (client) => callback(null as never, client as never),
      (error: unknown) => callback(error as never, undefined as never),
    );
    return undefined;
  }
}
