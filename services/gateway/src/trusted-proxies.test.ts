import { ConfigError } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { clientIpOf, readTrustedProxies } from './trusted-proxies.ts';

describe('the client is', () => {
  const isTrusted = readTrustedProxies('10.0.0.0/8, 192.0.2.7,fd00::/8');
  test.for([
    ['the peer, when it is not trusted', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['the peer, when it says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['the caller that a trusted peer names', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    [
      'the rightmost that is not trusted, whatever they wrote before themselves',
      '10.0.0.1',
      '1.1.1.1, 10.9.9.9, 198.51.100.1',
      '198.51.100.1',
    ],
    ['found behind several proxies', '10.0.0.1', '1.1.1.1, 198.51.100.1, 192.0.2.7,10.0.0.2', '198.51.100.1'],
    ['the farthest proxy, when all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['the nearest that is known, before what is no address', '10.0.0.1', '198.51.100.1, unknown, 10.0.0.2', '10.0.0.2'],
    ['never an empty entry', '10.0.0.1', '198.51.100.1, ', '10.0.0.1'],
    ['without its port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['an IPv6 address', 'fd00::1', '2001:db8::7', '2001:db8::7'],
    ['an IPv6 address with its port', 'fd00::1', '[2001:db8::7]:4711', '2001:db8::7'],
    ['named by a trusted IPv4 address that comes mapped', '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['not named by another that comes mapped', '::ffff:203.0.113.9', '198.51.100.1', '::ffff:203.0.113.9'],
    ['beyond a trusted proxy that is written mapped', '10.0.0.1', '198.51.100.1, ::ffff:10.0.0.2', '198.51.100.1'],
  ] as const)('%s', ([, peer, header, expected]) => {
    expect(clientIpOf(peer, header, isTrusted)).toBe(expected);
  });

  test('the peer, when nobody is trusted', () => {
    expect(clientIpOf('127.0.0.1', '198.51.100.1', readTrustedProxies(''))).toBe('127.0.0.1');
  });
});

test.for(['10.0.0.256', 'proxy.example', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.1;10.0.0.2', '*'])(
  'a list with %s is refused, and it is named',
  (entry) => {
    const read = () => readTrustedProxies(`10.0.0.1,${entry}`);
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(entry);
  },
);
