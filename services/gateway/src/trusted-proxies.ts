import { BlockList, isIP } from 'node:net';
import { edgeOf, type Http, setClientIp } from '@stoa/http';
import { ConfigError } from '@stoa/service';

/** @returns whether an IP address is one of those that the list names. @throws ConfigError for what is neither an IP address nor a CIDR. */
export function readTrustedProxies(list: string): (ip: string) => boolean {
  const trusted = new BlockList();
  for (const entry of list
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')) {
    try {
      add(trusted, entry);
    } catch {
      throw new ConfigError([
        { variable: 'TRUSTED_PROXIES', received: entry, expected: 'IP addresses and CIDRs, like 10.0.0.7,192.168.0.0/16,fd00::/8' },
      ]);
    }
  }
  // An IPv4 address that comes mapped into IPv6 is found by the rules for IPv4.
  return (ip) => isIP(ip) !== 0 && trusted.check(ip, familyOf(ip));
}

const familyOf = (ip: string) => (isIP(ip) === 6 ? 'ipv6' : 'ipv4');

function add(trusted: BlockList, entry: string): void {
  const [ip = '', prefix, ...rest] = entry.split('/');
  if (isIP(ip) === 0 || rest.length > 0) throw new RangeError(entry);
  if (prefix === undefined) trusted.addAddress(ip, familyOf(ip));
  else if (/^\d{1,3}$/.test(prefix)) trusted.addSubnet(ip, Number(prefix), familyOf(ip));
  else throw new RangeError(entry);
}

/**
 * The client of a request, by the chain of proxies before us: each appends the IP address that called it to the right of
 * `X-Forwarded-For`, so that all is true up to the first that is not trusted, and what stands before it is only its own claim.
 */
export function clientIpOf(peer: string, forwardedFor: string | undefined, isTrusted: (ip: string) => boolean): string {
  let clientIp = peer;
  const chain = forwardedFor?.split(',') ?? [];
  while (isTrusted(clientIp)) {
    const before = withoutPort(chain.pop()?.trim() ?? '');
    if (isIP(before) === 0) return clientIp;
    clientIp = before;
  }
  return clientIp;
}

/** Some proxies add the port: `203.0.113.7:4711`, `[2001:db8::7]:4711`. */
const withoutPort = (entry: string): string => /^\[([^\]]+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;

/** Takes the client's IP from the proxies that are trusted. To come before the headers of all others are dropped. */
export function trustProxies(gateway: Http, list: string): void {
  if (list === '') return;
  const isTrusted = readTrustedProxies(list);
  gateway.addHook('onRequest', ({ raw }, _reply, done) => {
    const peer = edgeOf(raw).clientIp;
    // Node joins repeated headers in their order.
    const clientIp = clientIpOf(peer, raw.headers['x-forwarded-for'] as string | undefined, isTrusted);
    if (clientIp !== peer) setClientIp(raw, clientIp);
    done();
  });
}
