import { nameOf, nodeOf, type RedisNode } from './redis-node.ts';

const slotCount = 16_384;

/** Which master has which slots. */
export interface SlotMap {
  /** By name (`host:port`). */
  readonly masters: ReadonlyMap<string, RedisNode>;
  /** Slot → name of its master; undefined: nobody has it. */
  readonly owners: (string | undefined)[];
}

/** More masters than any cluster has: who says so is none. */
const maxMasters = 1_000;

/**
 * Reads the answer to CLUSTER SLOTS: ranges `[first, last, [host, port, …] of the master, …]`. A node that does not
 * know its own address leaves the host out: it is the one that was asked. Undefined: no map with a slot in it.
 */
export function readSlots(answer: unknown, asked: RedisNode): SlotMap | undefined {
  if (!Array.isArray(answer)) return undefined;
  const masters = new Map<string, RedisNode>();
  const owners = new Array<string | undefined>(slotCount);
  for (const range of answer as unknown[]) {
    const [first, last, master] = Array.isArray(range) ? (range as unknown[]) : [];
    if (!isSlot(first) || !isSlot(last) || first > last || !Array.isArray(master)) return undefined;
    const [host, port] = master as unknown[];
    const node = nodeOf([host === null || host === '' ? asked.host : host, port]);
    if (node === undefined) return undefined;
    masters.set(nameOf(node), node);
    owners.fill(nameOf(node), first, last + 1);
  }
  return masters.size === 0 || masters.size > maxMasters ? undefined : { masters, owners };
}

function isSlot(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < slotCount;
}

export interface Redirect {
  readonly kind: 'MOVED' | 'ASK';
  readonly slot: number;
  /** Name of the node. */
  readonly to: string;
}

/** What a node says that does not have the slot, or not all of it any more. */
export function redirectOf(error: unknown): Redirect | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  const [, kind, slot, to] = /^(MOVED|ASK) (\d{1,5}) (\S{1,260})$/.exec(error.message) ?? [];
  if (to === undefined || !isSlot(Number(slot))) return undefined;
  return { kind: kind === 'ASK' ? 'ASK' : 'MOVED', slot: Number(slot), to };
}

/**
 * CRC-16/XMODEM of the whole key, modulo the slots: our keys have no hash tag (the prefix may hold no brace), because
 * no command of ours takes two keys.
 */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return (crc & 0xffff) % slotCount;
}
