import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEmailAddress } from './email-address.ts';

const value = (text: string) => {
  const parsed = parseEmailAddress(text);
  return 'value' in parsed ? parsed.value : undefined;
};

describe('an e-mail address', () => {
  test.each([
    ['ada@example.com', 'ada@example.com'],
    ['  Ada.Lovelace@Example.COM \n', 'ada.lovelace@example.com'],
    ['ada+stoa@mail.example.co.uk', 'ada+stoa@mail.example.co.uk'],
    ["o'brien_x-1@example.org", "o'brien_x-1@example.org"],
    ['ada@Bücher.example', 'ada@xn--bcher-kva.example'],
    ['ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'],
    ['ada@ｅｘａｍｐｌｅ。ｃｏｍ', 'ada@example.com'],
    ['ada@пример.рф', 'ada@xn--e1afmkfd.xn--p1ai'],
    ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example'],
    [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
  ])('%j is stored as %s', (text, stored) => {
    expect(value(text)).toBe(stored);
  });

  test.each([
    '',
    ' ',
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'a@b@example.com',
    'ada@example.com.',
    'ada@.example.com',
    'ada@example..com',
    'ada..l@example.com',
    '.ada@example.com',
    'ada.@example.com',
    'ada lovelace@example.com',
    '"ada"@example.com',
    'ada(x)@example.com',
    'ada@exa mple.com',
    'ada@exam_ple.com',
    'ada@-example.com',
    'ada@example-.com',
    'ada@127.0.0.1',
    'ada@1.1',
    'ada@0x7f.1',
    'ada@[127.0.0.1]',
    'ada@example.1',
    'ada@example.com/x',
    'ada@example.com:25',
    'ada@example.com?x',
    'ada@example.com#x',
    'ada@ex%61mple.com',
    'ädä@example.com',
    'ada@example.com\r\nBcc: all@example.com',
    'ada\0@example.com',
    'ada@exam\0ple.com',
    'ada@example.com, eve@example.com',
    '<ada@example.com>',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a'.repeat(64)}.com`,
    `ada@${'abcdefghi.'.repeat(25)}com`,
    'ada@\ud800.com',
    '\ud800@example.com',
  ])('%j is refused', (text) => {
    expect(value(text)).toBeUndefined();
  });

  test('the stored form is a fixed point, ASCII, lower case and at most 254 long, whatever is sent', () => {
    const noise = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });
    const text = fc.oneof(
      fc.emailAddress(),
      noise.map((host) => `a@${host}.com`),
      noise.map((local) => `${local}@example.com`),
    );
    fc.assert(
      fc.property(text, (anything) => {
        const stored = value(anything);
        if (stored === undefined) return;
        expect(stored).toMatch(/^[\x21-\x7e]{3,254}$/);
        expect(stored).toBe(stored.toLowerCase());
        expect(value(stored)).toBe(stored);
      }),
    );
  });

  test('letter case never makes another address', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (address) => {
        expect(value(address.toUpperCase())).toBe(value(address.toLowerCase()));
      }),
    );
  });
});
