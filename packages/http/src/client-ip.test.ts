import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientIpKey } from './client-ip.ts';

describe('a limit counts', () => {
  test.for([
    ['an IPv4 address as it is', '192.0.2.7', '192.0.2.7'],
    ['a mapped one as the IPv4 address it is', '::ffff:192.0.2.7', '192.0.2.7'],
    ['a mapped one in capitals', '::FFFF:192.0.2.7', '192.0.2.7'],
    ['a mapped one in hexadecimal', '::ffff:c000:207', '192.0.2.7'],
    ['a mapped one in full', '0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['an IPv6 address by its /64', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['a compressed one', '2001:db8::1', '2001:db8:0:0::/64'],
    ['one compressed at its end', '2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['one with leading zeros', '2001:0db8:0000:0001:0000:0000:0000:0001', '2001:db8:0:1::/64'],
    ['loopback', '::1', '0:0:0:0::/64'],
    ['a link-local one without its zone', 'fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['one that ends in an IPv4 address', '64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['no address at all, of a client that is gone', '', ''],
  ] as const)('%s', ([, address, key]) => {
    expect(clientIpKey(address)).toBe(key);
  });

  test('all of a /64 as one, and its neighbours as others', () => {
    const network = fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 4, maxLength: 4 });
    const written = (groups: readonly number[]) => groups.map((group) => group.toString(16)).join(':');
    fc.assert(
      fc.property(network, network, network, (mine, host, other) => {
        expect(clientIpKey(written([...mine, ...host]))).toBe(clientIpKey(`${written(mine)}::`));
        expect(clientIpKey(`${written(mine)}::`) === clientIpKey(`${written(other)}::`)).toBe(written(mine) === written(other));
      }),
    );
  });
});
