/**
 * The one decision about where `sdk.http` may connect to. Refused are the pod itself and addresses that only exist
 * beside a machine: link-local ones, and the metadata services of clouds, which give out the node's credentials.
 */
import { BlockList, isIP } from 'node:net';

const refusedRanges = {
  'the pod itself': ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'],
  'a link-local address': ['169.254.0.0/16', 'fe80::/10'],
  'a metadata service': ['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32', 'fd00:ec2::254/128'],
  'a multicast or broadcast address': ['224.0.0.0/4', '240.0.0.0/4', 'ff00::/8'],
};

const lists = Object.entries(refusedRanges).map(([what, ranges]) => ({ what, list: blockList(ranges) }));

/**
 * Why a connection to an address is refused; undefined when it is allowed. Applied to every address that a name
 * resolves to, at the moment of connecting, so that a name cannot change its mind after the check.
 */
export function refusedAddress(address: string): string | undefined {
  const family = isIP(address);
  if (family === 0) return 'no address';
  const embedded = family === 6 ? embeddedIpv4(address) : undefined;
  if (embedded !== undefined) return refusedAddress(embedded);
  return lists.find(({ list }) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'))?.what;
}

/** Why a URL is refused before any name is resolved; undefined when it is allowed. */
export function refusedUrl(url: URL): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `the scheme ${url.protocol} is not http or https`;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const what = isIP(host) === 0 ? undefined : refusedAddress(host);
  return what && `${host} is ${what}`;
}

/** The IPv4 address inside an IPv4-mapped or IPv4-compatible (RFC 4291), NAT64 (RFC 6052) or 6to4 (RFC 3056) address. */
function embeddedIpv4(address: string): string | undefined {
  const groups = ipv6Groups(address);
  const [first, second = 0, third = 0, , , , seventh = 0, eighth = 0] = groups;
  if (first === 0x2002) return dotted(second, third);
  return holdsIpv4(groups) ? dotted(seventh, eighth) : undefined;
}

function holdsIpv4(groups: number[]): boolean {
  const [first, second, , , , sixth, seventh] = groups;
  if (groups.slice(0, 5).some((group) => group !== 0)) return first === 0x64 && second === 0xff9b;
  return sixth === 0xffff || (sixth === 0 && seventh !== 0);
}

function ipv6Groups(address: string): number[] {
  // The URL parser gives the one canonical spelling, with no dotted part and no zone.
  const canonical = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const [left, right] = [parse(head), parse(tail ?? '')];
  return tail === undefined
    ? left
    : [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function blockList(ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
