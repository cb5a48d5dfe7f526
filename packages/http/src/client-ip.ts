import { isIPv6 } from 'node:net';

/**
 * What a limit per client IP counts by: an IPv4 address as it is (also when it comes mapped into IPv6, RFC 4291 §2.5.5.2), an
 * IPv6 address by its /64, since one subscriber has at least that many. The zone of a link-local address is left out.
 */
export function clientIpKey(clientIp: string): string {
  // Most are of version 4, and matching the whole grammar of version 6 is slow.
  if (!clientIp.includes(':') || !isIPv6(clientIp)) return clientIp;
  const groups = groupsOf(clientIp);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return bytesOf(groups[6] as number, groups[7] as number).join('.');
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** The eight groups of an IPv6 address in any of its written forms (RFC 4291 §2.2). */
function groupsOf(address: string): number[] {
  const [head = '', tail] = (address.split('%', 1)[0] as string).split('::');
  const front = parseGroups(head);
  if (tail === undefined) return front;
  const back = parseGroups(tail);
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
}

const parseGroups = (part: string): number[] =>
  part === '' ? [] : part.split(':').flatMap((group) => (group.includes('.') ? pairsOf(group) : Number.parseInt(group, 16)));

/** An IPv4 address at the end counts for two groups. */
function pairsOf(dotted: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

const bytesOf = (...pair: [number, number]): number[] => pair.flatMap((group) => [group >> 8, group & 255]);
