import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { add, CurrencyMismatch, currencies, exponentOf, isCurrency, MAX_AMOUNT, money, sum, times } from './index.ts';

describe('a currency', () => {
  test.each([
    ['JPY', 0],
    ['EUR', 2],
    ['KWD', 3],
    ['MGA', 2],
    ['HUF', 2],
  ])('%s has %i decimals', (currency, exponent) => {
    expect(exponentOf(currency)).toBe(exponent);
  });

  test.each(['usd', 'XXX', 'XAU', 'DEM', '', 'toString'])('is none that is active: "%s"', (code) => {
    expect(isCurrency(code)).toBe(false);
    expect(() => money(1n, code)).toThrow(RangeError);
  });

  test('is one that the platform knows, and there is one entry for each', () => {
    const known = new Set(Intl.supportedValuesOf('currency'));
    expect(currencies.filter((code) => !known.has(code) && !['VED', 'XCG', 'ZWG'].includes(code))).toEqual([]);
    expect(new Set(currencies).size).toBe(currencies.length);
  });
});

describe('an amount', () => {
  test('is at most 10^12 minor units, which JSON holds exactly', () => {
    expect(money(MAX_AMOUNT, 'USD').amount).toBe(1_000_000_000_000n);
    expect(() => money(MAX_AMOUNT + 1n, 'USD')).toThrow(RangeError);
    expect(() => times(money(MAX_AMOUNT, 'USD'), 2)).toThrow(RangeError);
    expect(Number.isSafeInteger(Number(MAX_AMOUNT))).toBe(true);
  });

  test('of one currency is not added to one of another', () => {
    expect(() => add(money(1n, 'EUR'), money(1n, 'USD'))).toThrow(CurrencyMismatch);
    expect(() => sum([money(1n, 'EUR')], 'USD')).toThrow(CurrencyMismatch);
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY])('is not multiplied by %d', (quantity) => {
    expect(() => times(money(1n, 'EUR'), quantity)).toThrow(RangeError);
  });

  test('the total of lines is the sum of unit price times quantity, whatever their order', () => {
    const line = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 6n }), fc.integer({ min: 1, max: 10_000 }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 50 }), (lines) => {
        const amounts = lines.map(([price, quantity]) => times(money(price, 'EUR'), quantity));
        const exact = lines.reduce((total, [price, quantity]) => total + price * BigInt(quantity), 0n);
        expect(sum(amounts, 'EUR').amount).toBe(exact);
        expect(sum(amounts.toReversed(), 'EUR').amount).toBe(exact);
      }),
    );
  });
});
