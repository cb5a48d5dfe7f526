import { BlockList, isIP } from 'node:net';
import { edgeOf, type Http, setClientAddress } from '@stoa/http';
import { ConfigError } from '@stoa/service';

/** @returns whether an address is one of those that the list names. @throws ConfigError for what is neither an address nor a CIDR. */
export function readTrustedProxies(list: string): (address: string) => boolean {
  const trusted = new BlockList();
  for (const entry of list
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')) {
    try {
      add(trusted, entry);
    } catch {
      throw new ConfigError([
        { variable: 'TRUSTED_PROXIES', received: entry, expected: 'addresses and CIDRs, like 10.0.0.7,192.168.0.0/16,fd00::/8' },
      ]);
    }
  }
  // An IPv4 address that comes mapped into IPv6 is found by the rules for IPv4.
  return (address) => isIP(address) !== 0 && trusted.check(address, familyOf(address));
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

function add(trusted: BlockList, entry: string): void {
  const [address = '', prefix, ...rest] = entry.split('/');
  if (isIP(address) === 0 || rest.length > 0) throw new RangeError(entry);
  if (prefix === undefined) trusted.addAddress(address, familyOf(address));
  else if (/^\d{1,3}$/.test(prefix)) trusted.addSubnet(address, Number(prefix), familyOf(address));
  else throw new RangeError(entry);
}

/**
 * Whose request it is, by the chain of proxies before us: each adds the address that it was called from at the right of
 * `X-Forwarded-For`, so that all is true up to the first that is not trusted, and what that one says is its own.
 */
export function clientAddressOf(peer: string, forwardedFor: string | undefined, isTrusted: (address: string) => boolean): string {
  let address = peer;
  const chain = forwardedFor?.split(',') ?? [];
  while (isTrusted(address)) {
    const before = withoutPort(chain.pop()?.trim() ?? '');
    if (isIP(before) === 0) return address;
    address = before;
  }
  return address;
}

/** Some proxies add the port: `203.0.113.7:4711`, `[2001:db8::7]:4711`. */
const withoutPort = (entry: string): string => /^\[([^\]]+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;

/** Takes the client's address from the proxies that are trusted. To come before the headers of all others are dropped. */
export function trustProxies(gateway: Http, list: string): void {
  if (list === '') return;
  const isTrusted = readTrustedProxies(list);
  gateway.addHook('onRequest', ({ raw }, _reply, done) => {
    const peer = edgeOf(raw).address;
    // Node joins repeated headers in their order.
    const address = clientAddressOf(peer, raw.headers['x-forwarded-for'] as string | undefined, isTrusted);
    if (address !== peer) setClientAddress(raw, address);
    done();
  });
}
