import type { Database } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { createKeys, fakeClock } from '@stoa/service';
import { sql } from 'kysely';
import type { Limit } from '../event-rows.ts';
import { createEventStore, type EventStore, eventStoreMigrations } from '../event-store.ts';
import type { EventMetadata, Handled, Projection } from '../types.ts';
import {
  type Account,
  type AccountCommand,
  type AccountEvent,
  type AccountTables,
  account,
  accountUpcasters,
  balances,
  createAccountTables,
} from './account.ts';

export type AccountStore = EventStore<AccountEvent, AccountTables>;
type AccountProjection = Projection<AccountEvent, AccountTables>;

export interface StoreOptions {
  readonly limit?: Limit;
  readonly projection?: AccountProjection;
  /** Which installation it is. */
  readonly secret?: number;
}

export const NOW = new Date('2026-11-29T12:00:00.000Z');

export const openStore = ({ limit, projection = balances, secret = 1 }: StoreOptions = {}): AccountStore =>
  createEventStore({
    upcasters: accountUpcasters,
    projections: [projection],
    derive: createKeys(Buffer.alloc(32, secret).toString('base64')),
    clock: fakeClock(NOW),
    ...(limit && { limit }),
  });

export const sendCommand = (
  database: Database<AccountTables>,
  store: AccountStore,
  stream: string,
  command: AccountCommand,
  options?: { readonly expectedVersion?: number; readonly metadata?: EventMetadata },
): Promise<Handled<Account, AccountEvent>> =>
  database.transaction((tx) => store.on(tx, account).handle(stream, (state) => account.decide(state, command), options));

/** A database with the toy's tables, and a store on it. */
export async function openAccounts({ maxConnections = 10, ...options }: StoreOptions & { readonly maxConnections?: number } = {}) {
  const { database, url, ...fixture } = await testDatabase<AccountTables>({ sources: [eventStoreMigrations], maxConnections });
  await database.transaction(createAccountTables);
  const store = openStore(options);
  return {
    database,
    url,
    store,
    send: (stream: string, command: AccountCommand, more?: Parameters<typeof sendCommand>[4]) =>
      sendCommand(database, store, stream, command, more),
    read: (stream: string) => store.read(database.query, stream),
    /** What the projection has, by account. */
    projected: async () =>
      (
        await sql<Record<string, unknown>>`
          select account, balance, events, version, encode(owner, 'hex') as owner, closed_at
          from balances left join closings using (account) order by account`.execute(database.query)
      ).rows,
    /** Many accounts with deposits, stored as if by appends, without their projection. */
    async seed(accounts: number, depositsEach: number, reference = ''): Promise<number> {
      await sql`
        insert into events (stream, version, type, event_version, data, metadata, recorded_at)
        select 'seeded-' || account, version, case version when 1 then 'account-opened' else 'money-deposited' end, case version when 1 then 1 else 3 end,
          case version when 1 then '{"currency":"EUR"}'::json else json_build_object('amount', version, 'reference', ${reference}::text) end, '{}', now()
        from generate_series(1, ${accounts}::integer) as account, generate_series(1, ${depositsEach + 1}::integer) as version
        order by version, account`.execute(database.query);
      return accounts * (depositsEach + 1);
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

export type Accounts = Awaited<ReturnType<typeof openAccounts>>;
