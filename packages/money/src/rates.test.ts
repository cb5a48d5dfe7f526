import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { convert, currencies, exponentOf, formatRate, money, parseRate, rateBetween } from './index.ts';

describe('a conversion', () => {
  test.each([
    ['half to even, down', 250n, 'USD', 'EUR', '0.01', 2n],
    ['half to even, up', 350n, 'USD', 'EUR', '0.01', 4n],
    ['above half', 251n, 'USD', 'EUR', '0.01', 3n],
    ['to fewer decimals', 1999n, 'USD', 'JPY', '150.2', 3002n],
    ['to more decimals', 100n, 'JPY', 'KWD', '0.0021', 210n],
    ['of a loss', -250n, 'USD', 'EUR', '0.01', -2n],
    ['never to nothing', 1n, 'USD', 'KWD', '0.0001', 1n],
    ['of nothing', 0n, 'USD', 'EUR', '0.92', 0n],
  ])('%s', (_name, amount, from, to, rate, expected) => {
    expect(convert(money(amount, from), to, parseRate(rate))).toEqual({ amount: expected, currency: to });
  });

  test('errs by half a minor unit at most, and keeps the order of prices', () => {
    const prices = fc.bigInt({ min: 0n, max: 10n ** 9n });
    const rates = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 6n }), fc.integer({ min: 0, max: 6 }));
    const currency = fc.constantFrom(...currencies);
    fc.assert(
      fc.property(prices, prices, rates, currency, currency, (a, b, [digits, scale], from, to) => {
        const rate = { digits, scale };
        fc.pre(a * digits < 10n ** 9n * 10n ** BigInt(scale) && b * digits < 10n ** 9n * 10n ** BigInt(scale));
        const [x, y] = [convert(money(a, from), to, rate).amount, convert(money(b, from), to, rate).amount];
        if (a <= b) expect(x <= y).toBe(true);
        // Both sides times 2 × 10^(scale + exponent of `from`), so that they are whole.
        const unit = 10n ** BigInt(scale + exponentOf(from));
        const exact = a * digits * 10n ** BigInt(exponentOf(to));
        const error = 2n * (x * unit - exact);
        expect(error <= unit || (x === 1n && a > 0n)).toBe(true);
        expect(-error <= unit).toBe(true);
      }),
    );
  });
});

describe('a rate', () => {
  test.each(['', '0', '0.000', '-1', '1e5', 'NaN', '1,08', '.5', '1.', ' 1', '1'.repeat(13), `1.${'1'.repeat(19)}`])(
    'is refused: "%s"',
    (text) => {
      expect(() => parseRate(text)).toThrow(RangeError);
    },
  );

  test('is written as it was read, without zeros at its end', () => {
    expect(['1.0842', '150', '0.0021', '1.500'].map((text) => formatRate(parseRate(text)))).toEqual(['1.0842', '150', '0.0021', '1.5']);
  });

  test.each([
    ['1.0842', '0.8631', '0.7960708356392'],
    ['1', '150.2', '150.2'],
    ['16000.5', '1.08', '0.0000674978906909'],
    ['0.0001', '16000.5', '160005000'],
  ])('between two of one base has at least 12 significant digits: %s and %s', (from, to, expected) => {
    expect(formatRate(rateBetween(parseRate(from), parseRate(to)))).toBe(expected);
  });
});
