import { BlockList, isIPv4, isIPv6 } from 'node:net';

const ipv4Mapped = '::ffff:';

/** Tells whether an address is one of the given addresses or CIDR blocks. Throws a RangeError that names a bad one. */
export function createAddressMatcher(blocks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const block of blocks) add(list, block);
  return (address) => {
    // A dual-stack listener names IPv4 peers by their mapped form (RFC 4291, section 2.5.5.2).
    const plain = address.startsWith(ipv4Mapped) ? address.slice(ipv4Mapped.length) : address;
    if (isIPv4(plain)) return list.check(plain, 'ipv4');
    return isIPv6(plain) && list.check(plain, 'ipv6');
  };
}

function add(list: BlockList, block: string): void {
  const [address = '', bits] = block.split('/');
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  if (family === undefined) throw new RangeError(`"${block}" is neither an address nor a CIDR block`);
  if (bits === undefined) {
    list.addAddress(address, family);
    return;
  }
  const length = Number(bits);
  if (!/^\d+$/.test(bits) || length > (family === 'ipv4' ? 32 : 128)) {
    throw new RangeError(`"${block}" has no valid prefix length`);
  }
  list.addSubnet(address, length, family);
}
