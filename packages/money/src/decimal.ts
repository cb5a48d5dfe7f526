import { exponentOf } from './currencies.ts';
import { type Money, money } from './money.ts';

const DECIMAL = /^(-?)(\d{1,16})(?:\.(\d{1,16}))?$/;

/**
 * An amount as people and other systems write it: `19.99`, `5`, `1234.500`. Digits and a point alone, no thousands separators.
 * @throws RangeError for another form, for more decimals than the currency has (zeros at the end aside), and as `money`.
 */
export function parseDecimal(text: string, currency: string): Money {
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) throw new RangeError(`"${text.slice(0, 40)}" is not a decimal number`);
  const exponent = exponentOf(currency);
  const decimals = fraction.replace(/0+$/, '');
  if (decimals.length > exponent) throw new RangeError(`${text} has more decimals than ${currency}, which has ${exponent}`);
  const amount = BigInt(whole + decimals.padEnd(exponent, '0'));
  return money(sign === '-' ? -amount : amount, currency);
}

/** `19.99`: with all decimals of the currency, and without its sign. */
export function formatDecimal({ amount, currency }: Money): string {
  const exponent = exponentOf(currency);
  const digits = String(amount < 0n ? -amount : amount).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  return `${amount < 0n ? '-' : ''}${whole}${exponent === 0 ? '' : `.${digits.slice(-exponent)}`}`;
}
