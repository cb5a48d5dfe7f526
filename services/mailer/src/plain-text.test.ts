import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainName } from './plain-text.ts';

test.each([
  ['Ada Lovelace', 'Ada Lovelace'],
  ['  Ada \t Lovelace ', 'Ada Lovelace'],
  ['Ada\r\nBcc: x', 'Ada Bcc: x'],
  ['Ada\u2028Lovelace\u0085!', 'Ada Lovelace !'],
  ['مريم', 'مريم'],
  ['\u202eadA\u202c \u2066x\u2069', 'adA x'],
  ['J. R. R. Tolkien', 'J. R. R. Tolkien'],
  ["O'Neill-Ångström 3rd", "O'Neill-Ångström 3rd"],
  ['Ada \ud800', 'Ada \ufffd'],
])('%j reads %j', (name, plain) => {
  expect(plainName(name)).toBe(plain);
});

test.each([[null], [''], [' \u200b\n'], ['see https://evil.example'], ['www.evil.example'], ['win at evil.example now']])(
  '%j greets nobody',
  (name) => {
    expect(plainName(name)).toBeNull();
  },
);

test('a name is never longer than a line can bear, and no character is cut in half', () => {
  expect(plainName('🎈'.repeat(500))).toBe('🎈'.repeat(100));
});

/** Every UTF-16 unit, alone or in pairs that fit or not. */
const anyUnit = fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit));

test('whatever the name, it is one visible, well-formed line', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyUnit }), (name) => {
      const plain = plainName(name);
      if (plain === null) return;
      expect(plain.isWellFormed()).toBe(true);
      expect(plain).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]|^\s|\s$/u);
      expect(plain).not.toBe('');
    }),
  );
});
