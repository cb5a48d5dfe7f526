import { exponentOf } from './currencies.ts';

export interface Money {
  /** Minor units: cents of a currency with two decimals. */
  readonly amount: bigint;
  /** ISO 4217, upper case. */
  readonly currency: string;
}

/** No price, line or total exceeds it, in minor units: as a JSON number it is exact. */
export const MAX_AMOUNT = 10n ** 12n;

/** Amounts of two currencies were to be added. */
export class CurrencyMismatch extends Error {
  override readonly name = 'CurrencyMismatch';
}

/** @throws RangeError for more than `MAX_AMOUNT` on either side of zero, and for no active currency. */
export function money(amount: bigint, currency: string): Money {
  exponentOf(currency);
  if (amount > MAX_AMOUNT || amount < -MAX_AMOUNT) throw new RangeError(`${amount} is more than ${MAX_AMOUNT} minor units`);
  return { amount, currency };
}

/** @throws CurrencyMismatch; RangeError as `money`. */
export function add(a: Money, b: Money): Money {
  if (a.currency !== b.currency) throw new CurrencyMismatch(`${a.currency} and ${b.currency} cannot be added`);
  return money(a.amount + b.amount, a.currency);
}

/** @param quantity a whole number. @throws RangeError as `money`, and for a quantity that is not whole. */
export const times = ({ amount, currency }: Money, quantity: number): Money => money(amount * BigInt(quantity), currency);

/** @param currency of a sum of nothing. */
export const sum = (amounts: readonly Money[], currency: string): Money => amounts.reduce(add, money(0n, currency));
