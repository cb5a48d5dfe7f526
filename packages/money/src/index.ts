export { MoneyAnswer, toAnswer } from './answer.ts';
export { currencies, exponentOf, isCurrency } from './currencies.ts';
export { formatDecimal, parseDecimal } from './decimal.ts';
export { add, CurrencyMismatch, MAX_AMOUNT, type Money, money, sum, times } from './money.ts';
export { convert, formatRate, parseRate, type Rate, rateBetween } from './rates.ts';
