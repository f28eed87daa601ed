import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP, isIPv4 } from 'node:net';

/** IANA special-purpose addresses (RFC 6890) that are no public place, and what wraps an IPv4 address into IPv6. */
const blocks: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['240.0.0.0', 4, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['::ffff:0:0', 96, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

/** Of the error that a refused address makes; the client's own text follows from it. */
export const privateAddressCode = 'EPRIVATEADDRESS';

/** Loopback, link-local (the clouds' metadata services), private, and whatever else is not a public address. */
export function createPrivateAddressCheck(): (address: string) => boolean {
  // Apart: in one list, the mapped addresses of IPv6 are the IPv4 addresses themselves.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const [address, bits, family] of blocks) lists[family].addSubnet(address, bits, family);
  return (address) => {
    const [plain = ''] = address.split('%');
    const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
    return isIP(plain) === 0 || lists[family].check(plain, family);
  };
}

/** Refuses a URL whose host is such an address; a name is judged when it has been resolved. */
export function refusePrivateHost(url: string, isPrivate: (address: string) => boolean): void {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && isPrivate(host)) throw refusal();
}

type Answer = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

type Resolve = (
  host: string,
  options: LookupOptions & { readonly all: true },
  answer: (error: Error | null, found: LookupAddress[]) => void,
) => void;

/**
 * A look-up for connections: the very addresses that are judged are connected to, so that no second answer counts.
 * `resolve`: default the system's.
 */
export function createGuardedLookup(
  isPrivate: (address: string) => boolean,
  resolve: Resolve = lookup,
): (host: string, options: LookupOptions, answer: Answer) => void {
  return (host, options, answer) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        answer(error, []);
        return;
      }
      // One private address among several is as bad: which one is used is a matter of chance.
      const [first] = found;
      if (first === undefined || found.some(({ address }) => isPrivate(address))) answer(refusal(), []);
      else if (options.all === true) answer(null, found);
      else answer(null, first.address, first.family);
    });
  };
}

function refusal(): Error {
  return Object.assign(new Error('private address'), { code: privateAddressCode });
}
