/** A server, a sentinel or a node of a cluster. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export const nameOf = ({ host, port }: RedisNode): string => `${host}:${port}`;

/** Host and port as a server names them; undefined where they are none. */
export function nodeOf(answer: unknown): RedisNode | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [host, port] = answer as unknown[];
  const number = Number(port);
  const isNode = typeof host === 'string' && /^[A-Za-z0-9_.:-]{1,253}$/.test(host);
  return isNode && Number.isInteger(number) && number > 0 && number < 65_536 ? { host, port: number } : undefined;
}
