import fc from 'fast-check';
import { expect, test } from 'vitest';
import { currencies, formatDecimal, MAX_AMOUNT, money, parseDecimal } from './index.ts';

test.each([
  ['19.99', 'USD', 1999n],
  ['5', 'USD', 500n],
  ['0.5', 'USD', 50n],
  ['-1.25', 'EUR', -125n],
  ['1.230', 'EUR', 123n],
  ['100', 'JPY', 100n],
  ['100.00', 'JPY', 100n],
  ['1.234', 'KWD', 1234n],
])('%s %s is %d minor units', (text, currency, amount) => {
  expect(parseDecimal(text, currency)).toEqual({ amount, currency });
});

test.each(['', '.', '.5', '5.', '1,5', '1 000', '1e3', '0x10', 'NaN', 'Infinity', '--1', '+1', ' 1', '٣', '1.2.3', '9'.repeat(17)])(
  'what is no decimal number is refused: "%s"',
  (text) => {
    expect(() => parseDecimal(text, 'USD')).toThrow(RangeError);
  },
);

test.each([
  ['1.005', 'USD'],
  ['0.5', 'JPY'],
  ['1.0001', 'KWD'],
])('%s has more decimals than %s, and is not rounded', (text, currency) => {
  expect(() => parseDecimal(text, currency)).toThrow('more decimals');
});

test('what is written is read as the same amount, in every currency', () => {
  const amounts = fc.bigInt({ min: -MAX_AMOUNT, max: MAX_AMOUNT });
  fc.assert(
    fc.property(amounts, fc.constantFrom(...currencies), (amount, currency) => {
      expect(parseDecimal(formatDecimal(money(amount, currency)), currency)).toEqual({ amount, currency });
    }),
  );
});
