import { expect, test } from 'vitest';
import type { Decider } from '../types.ts';
import { type Account, type AccountCommand, type AccountEvent, account } from './account.ts';
import { specification } from './specification.ts';

const given = specification(account);

const opened: AccountEvent = { type: 'account-opened', data: { currency: 'EUR' }, personal: { owner: 'Ada' } };
const deposited = (amount: number): AccountEvent => ({ type: 'money-deposited', data: { amount, reference: '' } });
const withdrawn = (amount: number): AccountEvent => ({ type: 'money-withdrawn', data: { amount } });
const closed: AccountEvent = { type: 'account-closed', data: {} };

test('holds what follows from given events', () => {
  given().when({ type: 'open', currency: 'EUR', owner: 'Ada' }).thenEvents(opened);
  given(opened).when({ type: 'open', currency: 'EUR', owner: 'Bob' }).thenNothing();
  given(opened, deposited(5), deposited(2)).when({ type: 'close' }).thenEvents(withdrawn(7), closed);
  given(opened, deposited(5)).when({ type: 'withdraw', amount: 6 }).thenRefuses({ code: 'balance_too_low', kind: 'conflict' });
});

test('fails when something else happens', () => {
  const when = given(opened, deposited(5)).when({ type: 'withdraw', amount: 5 });
  expect(() => when.thenEvents(withdrawn(4))).toThrow();
  expect(() => when.thenEvents()).toThrow();
  expect(() => when.thenEvents(withdrawn(5), closed)).toThrow();
  expect(() => when.thenNothing()).toThrow();
  expect(() => when.thenRefuses({ code: 'balance_too_low' })).toThrow('nothing was refused');
  const refused = given(closed).when({ type: 'close' });
  expect(() => refused.thenRefuses({ code: 'balance_too_low' })).toThrow();
  expect(() => refused.thenNothing()).toThrow('The account is not open.');
});

test('gives decisions no more than the store does: JSON, and nothing personal', () => {
  const seen: unknown[] = [];
  const evolve: typeof account.evolve = (state, event) => {
    seen.push(event);
    return account.evolve(state, event);
  };
  const curious = specification({ ...account, evolve });
  curious(opened).when({ type: 'close' }).thenEvents(closed);
  expect(seen).toEqual([{ type: 'account-opened', data: { currency: 'EUR' } }]);
  const dated: AccountEvent = { type: 'money-withdrawn', data: { amount: new Date(0) as never } };
  const careless: Decider<Account, AccountCommand, AccountEvent> = { ...account, decide: () => dated };
  expect(() => specification(careless)(opened).when({ type: 'close' }).thenEvents(dated)).toThrow('an event is JSON');
});
