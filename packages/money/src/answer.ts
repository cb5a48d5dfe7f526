import { Type } from 'typebox';
import type { Money } from './money.ts';

/** An amount as the API shows it. */
export const MoneyAnswer = Type.Object({
  amount: Type.Integer({ description: 'Minor units of the currency: cents, where it has two decimals.', examples: [1999] }),
  currency: Type.String({ description: 'ISO 4217.', examples: ['USD'] }),
});

export const toAnswer = ({ amount, currency }: Money): { amount: number; currency: string } => ({ amount: Number(amount), currency });
