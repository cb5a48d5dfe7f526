import { exponentOf } from './currencies.ts';
import { type Money, money } from './money.ts';

/** How much of one currency one unit of another is: `digits` × 10^-`scale`, exactly as the text says. */
export interface Rate {
  readonly digits: bigint;
  readonly scale: number;
}

const RATE = /^(\d{1,12})(?:\.(\d{1,18}))?$/;

/** @param text a positive decimal number, `1.0842`. @throws RangeError for anything else. */
export function parseRate(text: string): Rate {
  const [, whole, fraction = ''] = RATE.exec(text) ?? [];
  const digits = BigInt(`${whole ?? 0}${fraction}`);
  if (digits === 0n) throw new RangeError(`"${text.slice(0, 40)}" is not an exchange rate`);
  return { digits, scale: fraction.length };
}

export function formatRate({ digits, scale }: Rate): string {
  const padded = String(digits).padStart(scale + 1, '0');
  const fraction = scale === 0 ? '' : padded.slice(-scale).replace(/0+$/, '');
  return `${padded.slice(0, padded.length - scale)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Significant digits of a rate that is computed from two others. */
const SIGNIFICANT_DIGITS = 12;
/** Decimals that `parseRate` takes. */
const MOST_DECIMALS = 18;

/**
 * The rate between two currencies whose rates to the same base are known: from 1 EUR = 1.08 USD and 1 EUR = 0.86 GBP the rate from USD to GBP.
 * @returns at least 12 significant digits, the last rounded half to even.
 */
export function rateBetween(from: Rate, to: Rate): Rate {
  const numerator = to.digits * 10n ** BigInt(from.scale);
  const denominator = from.digits * 10n ** BigInt(to.scale);
  // As many digits as the whole part has, or minus as many zeros as follow the point.
  const magnitude = String(numerator).length - String(denominator).length;
  const scale = Math.min(MOST_DECIMALS, Math.max(0, SIGNIFICANT_DIGITS - magnitude));
  return { digits: divideHalfEven(numerator * 10n ** BigInt(scale), denominator), scale };
}

/**
 * Converts an amount, exactly up to one rounding to a minor unit, half to even. What is not zero does not become zero: it is one minor unit at
 * least. @param rate units of `currency` for one unit of the amount's. @throws RangeError as `money`.
 */
export function convert({ amount, currency: from }: Money, currency: string, rate: Rate): Money {
  const shift = exponentOf(currency) - exponentOf(from) - rate.scale;
  const product = (amount < 0n ? -amount : amount) * rate.digits;
  const converted = shift >= 0 ? product * 10n ** BigInt(shift) : divideHalfEven(product, 10n ** BigInt(-shift));
  const size = converted === 0n && amount !== 0n ? 1n : converted;
  return money(amount < 0n ? -size : size, currency);
}

/** Of numbers that are not negative. */
function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}
