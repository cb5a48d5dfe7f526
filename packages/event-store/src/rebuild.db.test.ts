import { createDatabase } from '@stoa/postgres';
import { createContext, createLog, createMetrics, runInContext } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { type AccountTables, balances } from './testing/account.ts';
import { type Accounts, openAccounts, openStore, sendCommand } from './testing/open-accounts.ts';

const MEGABYTE = 1024 * 1024;
const small = { events: 10, bytes: MEGABYTE };

/** What the catalog says of the projection's tables. */
async function catalogOf({ database }: Accounts): Promise<unknown> {
  const { rows } = await sql`
    select schemaname || '.' || indexname as name, indexdef as definition from pg_indexes where tablename in ('balances', 'closings')
    union all
    select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid in ('balances'::regclass, 'closings'::regclass)
    union all
    select relname, concat_ws(' ', reloptions, relacl) from pg_class where oid in ('balances'::regclass, 'closings'::regclass)
    union all
    select attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod) || ' ' || attnotnull
    from pg_attribute where attrelid in ('balances'::regclass, 'closings'::regclass) and attnum > 0 and not attisdropped
    order by name, definition`.execute(database.query);
  return rows;
}

const leftOver = async ({ database }: Accounts) =>
  (
    await sql`select tablename from pg_tables where schemaname = 'projection_rebuild' union all select projection from projection_rebuilds`.execute(
      database.query,
    )
  ).rows;

async function someAccounts(accounts: Accounts, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await accounts.send(`account-${n}`, { type: 'open', currency: 'EUR', owner: `Owner ${n}` });
    await accounts.send(`account-${n}`, { type: 'deposit', amount: 10 + n });
    if (n % 3 === 0) await accounts.send(`account-${n}`, { type: 'close' });
  }
}

/** Writes on until it is told to end, as requests do: none of them waits for a lock longer than two seconds. */
function keepWriting({ database, store }: Accounts) {
  let isOver = false;
  const waits: number[] = [];
  const write = async (writer: number) => {
    const stream = `written-${writer}`;
    await sendCommand(database, store, stream, { type: 'open', currency: 'EUR', owner: `Writer ${writer}` });
    while (!isOver) {
      const begun = performance.now();
      await sendCommand(database, store, stream, { type: 'deposit', amount: 1 });
      waits.push(performance.now() - begun);
    }
  };
  const writers = [1, 2, 3].map((writer) => runInContext(createContext({ clientIp: '127.0.0.1' }), () => write(writer)));
  return {
    waits,
    async end() {
      isOver = true;
      await Promise.all(writers);
    },
  };
}

describe('a rebuild', () => {
  test('makes of all events what their appends made, in tables that are the same to the last index, name and grant', async () => {
    await using accounts = await openAccounts({ limit: small });
    const { database, store } = accounts;
    await sql`alter table balances drop column version, add column version integer not null`.execute(database.query);
    await sql`grant select on balances to public`.execute(database.query);
    await someAccounts(accounts, 20);
    const [projected, catalog] = [await accounts.projected(), await catalogOf(accounts)];
    await sql`delete from closings`.execute(database.query);
    await sql`update balances set balance = 0, owner = null`.execute(database.query);
    const progress: number[] = [];
    await store.rebuild(database, 'balances', { onProgress: ({ events }) => progress.push(events) });
    expect(await accounts.projected()).toEqual(projected);
    expect(progress).toEqual([10, 20, 30, 40, 50, 54]);
    expect(await catalogOf(accounts)).toEqual(catalog);
    expect(await leftOver(accounts)).toEqual([]);
  });

  test('goes on beside writers, which wait only for the swap; none of their events is missing', async () => {
    await using accounts = await openAccounts({ maxConnections: 6, limit: { events: 100, bytes: MEGABYTE } });
    const { database, store } = accounts;
    await accounts.seed(1_000, 4);
    await store.rebuild(database, 'balances');
    const writing = keepWriting(accounts);
    for (let run = 0; run < 2; run += 1) await store.rebuild(database, 'balances');
    await writing.end();
    expect(writing.waits.length).toBeGreaterThan(100);
    const rows = await accounts.projected();
    expect(rows).toHaveLength(1_003);
    for (const row of rows) expect(row['version']).toBe(row['events']);
    const { rows: wrong } = await sql`
      select account from balances join (select stream, max(version) as last from events group by stream) as streams on stream = account
      where last <> version`.execute(database.query);
    expect(wrong).toEqual([]);
  });

  test('does not miss an event whose transaction is open when it has caught up', async () => {
    await using accounts = await openAccounts();
    const { database, store } = accounts;
    await someAccounts(accounts, 3);
    const [appended, ending] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const late = database.transaction(async (tx) => {
      await store
        .on(tx, { initialState: () => 0, evolve: (state) => state })
        .append('late', 0, [{ type: 'account-opened', data: { currency: 'EUR' }, personal: { owner: 'Late' } }]);
      appended.resolve();
      await ending.promise;
    });
    await appended.promise;
    await accounts.send('account-1', { type: 'deposit', amount: 1 });
    let isDone = false;
    const rebuilt = store.rebuild(database, 'balances').then(() => {
      isDone = true;
    });
    await eventually(async () => expect(await leftOver(accounts)).not.toEqual([]));
    expect(isDone).toBe(false);
    ending.resolve();
    await late;
    await rebuilt;
    expect(await accounts.projected()).toContainEqual(expect.objectContaining({ account: 'late', events: 1 }));
  });

  test('waits for a session that holds the tables, as a dump does, while others append', async () => {
    await using accounts = await openAccounts();
    const { database, store } = accounts;
    await someAccounts(accounts, 4);
    const [held, ending] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const dump = database.transaction(async (tx) => {
      await sql`lock table balances in access share mode`.execute(tx);
      held.resolve();
      await ending.promise;
    });
    await held.promise;
    let isDone = false;
    const rebuilt = store.rebuild(database, 'balances').then(() => {
      isDone = true;
    });
    const writing = keepWriting(accounts);
    await eventually(() => expect(Math.max(...writing.waits)).toBeGreaterThan(200));
    expect(isDone).toBe(false);
    ending.resolve();
    await dump;
    await rebuilt;
    await writing.end();
    for (const row of await accounts.projected()) expect(row['version']).toBe(row['events']);
  });

  test('by two copies at once is one rebuild', async () => {
    const limit = { events: 4, bytes: MEGABYTE };
    await using accounts = await openAccounts({ limit });
    const { database, url, store } = accounts;
    await someAccounts(accounts, 30);
    const projected = await accounts.projected();
    const other = createDatabase<AccountTables>({ url, name: 'other', log: createLog({ level: 'silent' }), metrics: createMetrics() });
    const batches = { one: 0, other: 0 };
    const rebuild = (copy: typeof store, on: typeof database, name: keyof typeof batches) =>
      copy.rebuild(on, 'balances', { onProgress: () => void (batches[name] += 1) });
    const begun = await database.transaction(async (tx) => {
      await sql`lock table projection_rebuilds in exclusive mode`.execute(tx);
      const both = [rebuild(store, database, 'one'), rebuild(openStore({ limit }), other, 'other')];
      // so that both begin when the lock goes
      await eventually(async () => {
        const { rows } = await sql`
          select from pg_locks where relation = 'projection_rebuilds'::regclass and not granted`.execute(database.query);
        expect(rows).toHaveLength(2);
      });
      return both;
    });
    await Promise.all(begun);
    await other.close();
    expect(await accounts.projected()).toEqual(projected);
    expect(batches.one + batches.other).toBe(80 / limit.events);
    expect(Math.min(batches.one, batches.other)).toBeGreaterThan(0);
    expect(await leftOver(accounts)).toEqual([]);
  });
});

describe('a rebuild that was stopped', () => {
  /** Stops after the first batch. */
  async function stopped(accounts: Accounts, projection = balances): Promise<void> {
    const stop = new AbortController();
    const store = openStore({ limit: small, projection });
    const rebuilt = store.rebuild(accounts.database, 'balances', { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(rebuilt).rejects.toThrow('aborted');
  }
  const firstBatch = async (accounts: Accounts, projection = balances): Promise<number> => {
    const progress: number[] = [];
    const store = openStore({ limit: small, projection });
    await store.rebuild(accounts.database, 'balances', { onProgress: ({ events }) => progress.push(events) });
    return progress[0] as number;
  };

  test('has changed nothing that is in use, and is continued', async () => {
    await using accounts = await openAccounts();
    await someAccounts(accounts, 12);
    const projected = await accounts.projected();
    await stopped(accounts);
    expect(await accounts.projected()).toEqual(projected);
    expect(await firstBatch(accounts)).toBe(20);
    expect(await accounts.projected()).toEqual(projected);
  });

  test.for([
    ['the projection is another version', async () => {}, { ...balances, version: 2 }],
    [
      'a migration has changed its tables',
      async ({ database }: Accounts) => {
        await sql`alter table balances add column note text`.execute(database.query);
      },
      balances,
    ],
    [
      'its tables were removed',
      async ({ database }: Accounts) => {
        await sql`drop table projection_rebuild.closings`.execute(database.query);
      },
      balances,
    ],
  ] as const)('begins anew when %s', async ([_why, change, projection]) => {
    await using accounts = await openAccounts();
    await someAccounts(accounts, 12);
    const projected = await accounts.projected();
    await stopped(accounts);
    await change(accounts);
    expect(await firstBatch(accounts, projection)).toBe(10);
    expect(await accounts.projected()).toEqual(projected);
    expect(await leftOver(accounts)).toEqual([]);
  });
});

describe('a rebuild is refused, and leaves what is in use as it was,', () => {
  test('when a newer version of the projection has begun one, whose progress stays', async () => {
    await using accounts = await openAccounts();
    await someAccounts(accounts, 12);
    const newer = openStore({ limit: small, projection: { ...balances, version: 2 } });
    const stop = new AbortController();
    const stopped = newer.rebuild(accounts.database, 'balances', { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow('aborted');
    await expect(accounts.store.rebuild(accounts.database, 'balances')).rejects.toThrow('is being rebuilt by its version 2: this is 1');
    const progress: number[] = [];
    await newer.rebuild(accounts.database, 'balances', { onProgress: ({ events }) => progress.push(events) });
    expect(progress[0]).toBe(20);
  });

  test('when a migration changes the tables meanwhile; the next one succeeds', async () => {
    await using accounts = await openAccounts({ limit: small });
    const { database, store } = accounts;
    await someAccounts(accounts, 12);
    const projected = await accounts.projected();
    let migrated: Promise<unknown> | undefined;
    const onProgress = () => {
      migrated ??= sql`alter table balances add column note text`.execute(database.query);
    };
    await expect(store.rebuild(database, 'balances', { onProgress })).rejects.toThrow(
      'a migration has changed the tables of the projection balances',
    );
    await migrated;
    expect(await accounts.projected()).toEqual(projected);
    await store.rebuild(database, 'balances');
    expect(await accounts.projected()).toEqual(projected);
    await sql`select note from balances`.execute(database.query);
  });

  test('when something else depends on them', async () => {
    await using accounts = await openAccounts();
    const { database, store } = accounts;
    await someAccounts(accounts, 2);
    const projected = await accounts.projected();
    await sql`create view rich as select account from balances where balance > 1000`.execute(database.query);
    await expect(store.rebuild(database, 'balances')).rejects.toMatchObject({ code: '2BP01' });
    expect(await accounts.projected()).toEqual(projected);
    await accounts.send('account-1', { type: 'deposit', amount: 1 });
  });

  test('when there is no such projection', async () => {
    await using accounts = await openAccounts();
    await expect(accounts.store.rebuild(accounts.database, 'orders')).rejects.toThrow('there is no projection orders');
  });
});
