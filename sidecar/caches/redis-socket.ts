import { AbstractConnector, type RedisOptions } from 'ioredis';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { RedisNode } from './redis-node.ts';
import type { RedisTls } from './redis-url.ts';

export interface RedisSocketOptions {
  /** Asked for each attempt: where the server is now. Its rejection is a failed attempt. */
  readonly locate: () => Promise<RedisNode>;
  readonly tls: RedisTls | undefined;
  /** Told of each socket, before it is connected. */
  readonly onSocket: (socket: Socket) => void;
}

/**
 * How the client gets its sockets. Its own connectors cannot do it: the one for Sentinel asks over connections that no
 * reply guard sees, and none reads certificates again.
 */
export function redisConnector(options: RedisSocketOptions): NonNullable<RedisOptions['Connector']> {
  // The client wants a constructor.
  return class extends AbstractConnector {
    constructor() {
      super(0);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      let socket: Socket;
      try {
        const node = await options.locate();
        socket = options.tls === undefined ? connectTcp(node) : connectTls({ ...node, ...tlsOf(options.tls, node) });
      } catch (error) {
        // A rejection here would end the client for good; a socket that is closed already is tried again.
        socket = new Socket();
        socket.destroy();
        this.firstError = error instanceof Error ? error : new Error('no server');
      }
      socket.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = socket;
      options.onSocket(socket);
      if (!this.isWanted()) socket.destroy();
      return socket;
    }

    /** False once somebody disconnected while the server was being located. */
    private isWanted(): boolean {
      return this.connecting;
    }
  };
}

function tlsOf(tls: RedisTls, node: RedisNode): ConnectionOptions {
  const { ca, cert, key } = readTlsFiles(tls);
  const servername = tls.servername ?? node.host;
  return {
    // An address is no server name (RFC 6066, 3); the certificate is compared with it all the same.
    ...(isIP(servername) === 0 ? { servername } : {}),
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Throws an error whose `code` says which file it is. */
export function readTlsFiles(tls: RedisTls): Readonly<Record<'ca' | 'cert' | 'key', Buffer | undefined>> {
  return { ca: read(tls.caPath, 'CA'), cert: read(tls.certPath, 'CERT'), key: read(tls.keyPath, 'KEY') };
}

function read(path: string | undefined, which: 'CA' | 'CERT' | 'KEY'): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch {
    throw Object.assign(new Error('a TLS file cannot be read'), { code: `${which}_FILE_UNREADABLE` });
  }
}
