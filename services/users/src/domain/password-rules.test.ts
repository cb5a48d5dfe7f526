import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BCRYPT_LIMIT, fitsTheHash, LONG_LIMIT, parsePassword } from './password-rules.ts';

const context = {
  email: 'ada.lovelace@example.com',
  login: 'countess',
  limit: BCRYPT_LIMIT,
  isCommon: (password: string) => password === 'password1',
};
const refusals = (text: string) => {
  const parsed = parsePassword(text, context);
  return 'value' in parsed ? [] : parsed.refused;
};

describe('a password', () => {
  test('is eight characters or more, counted as people do, not in bytes or UTF-16 units', () => {
    expect(refusals('1234567a')).toEqual([]);
    expect(refusals('äöüßäöüß')).toEqual([]);
    expect(refusals('🔑🔑🔑🔑🔑🔑🔑')).toEqual(['must have at least 8 characters']);
  });

  test('is at most 72 bytes of UTF-8, so that no part of it is ever cut off', () => {
    expect(refusals(`${'ä'.repeat(35)}ab`)).toEqual([]);
    expect(refusals(`${'ä'.repeat(35)}abc`)).toEqual(['must have at most 72 bytes in UTF-8']);
  });

  test('is at most 1,000 characters where the hash sees them all', () => {
    const long = { ...context, limit: LONG_LIMIT };
    expect(parsePassword('ä'.repeat(1_000), long)).toEqual({ value: 'ä'.repeat(1_000) });
    expect(parsePassword('ä'.repeat(1_001), long)).toEqual({ refused: ['must have at most 1000 characters'] });
  });

  test('is NFC, never trimmed', () => {
    expect(parsePassword('  cafe\u0301 au lait ', context)).toEqual({ value: '  café au lait ' });
  });

  test('is none that everybody takes, whatever its letter case', () => {
    expect(refusals('PassWord1')).toEqual(['must not be one of the passwords that are tried first']);
  });

  test.each(['Ada.Lovelace@example.com', 'ada.LOVELACE', 'Countess'])('is not the name of the account: %s', (text) => {
    expect(refusals(text)).toEqual(['must not be the e-mail address, its first part or the login']);
  });

  test.each(['ada@bücher.example', 'Ada@BÜCHER.example', 'ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'])(
    'is not the e-mail address, in whatever form: %s',
    (text) => {
      const parsed = parsePassword(text, { ...context, email: 'ada@xn--bcher-kva.example' });
      expect(parsed).toEqual({ refused: ['must not be the e-mail address, its first part or the login'] });
      expect(refusals(text)).toEqual([]);
    },
  );

  test('tells everything that is wrong at once', () => {
    const short = { ...context, login: 'ada', isCommon: () => true };
    expect(parsePassword('ADA', short)).toMatchObject({ refused: { length: 3 } });
  });

  test.each(['with\0inside', 'line\nbreaks', 'tabs\tinside', 'lone \ud800 surrogate'])(
    '%j is refused: bcrypt or Basic could not carry it whole',
    (text) => {
      expect(refusals(text)).toEqual(['must be text without control characters']);
    },
  );

  test('what is accepted is whole under the hash', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 90 }), (text) => {
        const parsed = parsePassword(text, context);
        if ('value' in parsed) expect(fitsTheHash(parsed.value, BCRYPT_LIMIT)).toBe(true);
      }),
    );
  });
});
