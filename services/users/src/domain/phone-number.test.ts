import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePhoneNumber } from './phone-number.ts';

const value = (text: string, region?: string) => {
  const parsed = parsePhoneNumber(text, region);
  return 'value' in parsed ? parsed.value : undefined;
};

describe('a phone number', () => {
  test.each([
    ['+49 30 901820', '+4930901820'],
    ['0049 30 901820', '+4930901820'],
    ['+49 (0)30 / 90 18-20', '+4930901820'],
    [' +49\u00a0(30)\u2011901.820 ', '+4930901820'],
    ['＋４９ ３０ ９０１８２０', '+4930901820'],
    ['+1 (212) 555-2368', '+12125552368'],
    ['+44 20 7946 0958', '+442079460958'],
    ['\u202a+49 30 901820\u202c', '+4930901820'],
  ])('%j is stored as %s', (text, stored) => {
    expect(value(text)).toBe(stored);
  });

  test('national only with a region; an international one needs none', () => {
    expect(value('030 901820')).toBeUndefined();
    expect(value('030 901820', 'DE')).toBe('+4930901820');
    expect(value('+1 212 555 2368', 'DE')).toBe('+12125552368');
    expect(value('00 1 212 555 2368', 'DE')).toBe('+12125552368');
  });

  test.each([
    '',
    ' ',
    '+',
    '00',
    '+49',
    '+49 30',
    '+1 555 5555555',
    '+999 123456789',
    '+49 30 901820 ext. 5',
    '1-800-FLOWERS',
    '+49 30 901820;x',
    `+49${'1'.repeat(40)}`,
    'call me',
    '+4930901820\0',
    '++4930901820',
  ])('%j is refused', (text) => {
    expect(value(text)).toBeUndefined();
  });

  test('separators never make another number', () => {
    const separators = fc
      .array(fc.constantFrom(' ', '-', '.', '/', '(', ')', '\u00a0', '\u2011', '\u200b'), { maxLength: 3 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(separators, { minLength: 10, maxLength: 10 }), fc.constantFrom('+', '00'), (gaps, prefix) => {
        const text = [...'4930901820'].map((digit, index) => digit + gaps[index]).join('');
        expect(value(prefix + text)).toBe('+4930901820');
      }),
    );
  });
});
