import { defineErrors } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import type { Decider, Projection, RecordedEvent } from '../types.ts';
import type { Upcasters } from '../upcasters.ts';

/** A bank account with one owner, for the tests of the store. Amounts are in minor units. */
export type AccountEvent =
  | { readonly type: 'account-opened'; readonly data: { readonly currency: string }; readonly personal: { readonly owner: string } }
  | { readonly type: 'money-deposited'; readonly data: { readonly amount: number; readonly reference: string } }
  | { readonly type: 'money-withdrawn'; readonly data: { readonly amount: number } }
  | { readonly type: 'account-closed'; readonly data: Readonly<Record<string, never>> };

export type AccountCommand =
  | { readonly type: 'open'; readonly currency: string; readonly owner: string }
  | { readonly type: 'deposit'; readonly amount: number; readonly reference?: string }
  | { readonly type: 'withdraw'; readonly amount: number }
  | { readonly type: 'close' };

export interface Account {
  readonly status: 'none' | 'open' | 'closed';
  readonly balance: number;
}

export const accountErrors = defineErrors({
  account_not_open: { kind: 'conflict', title: 'The account is not open.', cause: 'It was closed.', fix: 'Open another one.' },
  balance_too_low: { kind: 'conflict', title: 'There is not so much.', cause: 'The balance is too low.', fix: 'Withdraw less.' },
});

export const account: Decider<Account, AccountCommand, AccountEvent> = {
  initialState: () => ({ status: 'none', balance: 0 }),
  evolve(state, event) {
    switch (event.type) {
      case 'account-opened':
        return { ...state, status: 'open' };
      case 'money-deposited':
        return { ...state, balance: state.balance + event.data.amount };
      case 'money-withdrawn':
        return { ...state, balance: state.balance - event.data.amount };
      case 'account-closed':
        return { ...state, status: 'closed' };
    }
  },
  decide(state, command) {
    if (command.type === 'open') {
      const { currency, owner } = command;
      return state.status === 'none' ? { type: 'account-opened', data: { currency }, personal: { owner } } : [];
    }
    if (state.status !== 'open') throw accountErrors.account_not_open();
    switch (command.type) {
      case 'deposit':
        return { type: 'money-deposited', data: { amount: command.amount, reference: command.reference ?? '' } };
      case 'withdraw':
        if (command.amount > state.balance) throw accountErrors.balance_too_low();
        return { type: 'money-withdrawn', data: { amount: command.amount } };
      case 'close': {
        const rest: AccountEvent[] = state.balance > 0 ? [{ type: 'money-withdrawn', data: { amount: state.balance } }] : [];
        return [...rest, { type: 'account-closed', data: {} }];
      }
    }
  },
};

export const accountUpcasters: Upcasters<AccountEvent> = {
  'account-opened': [],
  // version 1 had whole units, version 2 no reference
  'money-deposited': [
    ({ units }: { units: number }) => ({ amount: units * 100 }),
    (data: { amount: number }) => ({ ...data, reference: 'unknown' }),
  ],
  'money-withdrawn': [],
  'account-closed': [],
};

interface BalanceRow {
  readonly account: string;
  readonly balance: number;
  /** As many as the version, where each was projected once. */
  readonly events: number;
  readonly version: number;
  readonly owner: Buffer | null;
}

export interface AccountTables {
  readonly balances: BalanceRow;
  readonly closings: { readonly account: string; readonly closed_at: Date };
}

/** The tables of `balances`, as a migration of a service would make them. */
export async function createAccountTables(db: Transaction<AccountTables>): Promise<void> {
  await sql`
    create table balances (
      account text primary key, balance integer not null, events integer not null constraint some_events check (events > 0),
      version integer not null, owner bytea
    ) with (fillfactor = 90)`.execute(db);
  await sql`create index balances_highest on balances (balance desc, account) where balance > 0`.execute(db);
  await sql`
    create table closings (account text primary key constraint closings_of references balances (account), closed_at timestamptz not null)`.execute(
    db,
  );
}

export const balances: Projection<AccountEvent, AccountTables> = {
  name: 'balances',
  version: 1,
  tables: ['balances', 'closings'],
  async project(tx, events) {
    const changes = [...Map.groupBy(events, ({ stream }) => stream)].map(([stream, own]) => ({
      account: stream,
      balance: own.reduce((sum, event) => sum + changeBy(event), 0),
      events: own.length,
      version: own.at(-1)?.version,
      // bytes have no form in JSON
      owner: own.find(({ sealed }) => sealed !== null)?.sealed?.toString('hex') ?? null,
    }));
    await sql`
      insert into balances (account, balance, events, version, owner)
      select account, balance, events, version, decode(owner, 'hex')
      from json_to_recordset(${JSON.stringify(changes)}::json) as changes (account text, balance integer, events integer, version integer, owner text)
      on conflict (account) do update set balance = balances.balance + excluded.balance, events = balances.events + excluded.events,
        version = excluded.version, owner = coalesce(excluded.owner, balances.owner)`.execute(tx);
    const closed = events.filter(({ type }) => type === 'account-closed');
    if (closed.length === 0) return;
    await sql`
      insert into closings (account, closed_at) select * from unnest(
        ${closed.map(({ stream }) => stream)}::text[], ${closed.map(({ recordedAt }) => recordedAt)}::timestamptz[])`.execute(tx);
  },
};

function changeBy(event: RecordedEvent<AccountEvent>): number {
  switch (event.type) {
    case 'money-deposited':
      return event.data.amount;
    case 'money-withdrawn':
      return -event.data.amount;
    default:
      return 0;
  }
}
