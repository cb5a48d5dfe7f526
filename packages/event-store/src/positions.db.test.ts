import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from '@stoa/service/testing';
import { sql, type Transaction } from 'kysely';
import { expect, test } from 'vitest';
import { type AccountTables, account } from './testing/account.ts';
import { type Accounts, openAccounts } from './testing/open-accounts.ts';

const deposit = { type: 'money-deposited' as const, data: { amount: 1, reference: '' } };

/** Appends to `stream` in a transaction that stays open until it is told to end. */
async function appendAndStay({ database, store }: Accounts, stream: string) {
  const [appended, ending] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const work = async (tx: Transaction<AccountTables>) => {
    await store.on(tx, account).append(stream, 0, [deposit]);
    appended.resolve();
    await ending.promise;
  };
  const ended = database.transaction(work);
  await Promise.race([appended.promise, ended]);
  const rollBack = async () => {
    ending.reject(new Error('rolled back'));
    await ended.catch(() => {});
  };
  return {
    async commit() {
      ending.resolve();
      await ended;
    },
    rollBack,
    [Symbol.asyncDispose]: rollBack,
  };
}

/** Reads on from a position, and counts the polls for open appends. */
function reader({ database, store }: Accounts) {
  let looks = 0;
  const db = database.query.withPlugin({
    transformQuery: ({ node }) => {
      looks += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  let after = 0;
  return {
    looks: () => looks,
    async next(): Promise<string[]> {
      const streams: string[] = [];
      for await (const events of store.readAll(db, { after })) {
        streams.push(...events.map(({ stream }) => stream));
        after = events.at(-1)?.position ?? after;
      }
      return streams;
    },
  };
}

test('a reader by position waits for an event that commits later than one behind it', async () => {
  await using accounts = await openAccounts();
  await using late = await appendAndStay(accounts, 'late');
  await (await appendAndStay(accounts, 'soon')).commit();
  const { next, looks } = reader(accounts);
  const read = next();
  const waits = eventually(() => expect(looks()).toBeGreaterThan(5)).then(() => 'waits');
  expect(await Promise.race([read, waits])).toBe('waits');
  await late.commit();
  expect(await read).toEqual(['late', 'soon']);
});

test('it does not wait for one that was rolled back, nor for appends that began later', async () => {
  await using accounts = await openAccounts();
  await using late = await appendAndStay(accounts, 'late');
  const { next, looks } = reader(accounts);
  const read = next();
  await eventually(() => expect(looks()).toBeGreaterThan(5));
  await using later = await appendAndStay(accounts, 'later');
  await late.rollBack();
  expect(await read).toEqual([]);
  await later.commit();
  expect(await next()).toEqual(['later']);
});

test('transactions of others, in this database or elsewhere, hold up nobody', async () => {
  await using accounts = await openAccounts();
  const { database } = accounts;
  const ending = Promise.withResolvers<void>();
  const other = database.transaction(async (tx) => {
    await sql`insert into balances values ('other', 0, 1, 1, null)`.execute(tx);
    await ending.promise;
  });
  await (await appendAndStay(accounts, 'soon')).commit();
  expect(await reader(accounts).next()).toEqual(['soon']);
  ending.resolve();
  await other;
});

test('20 writers and three readers, 600 appends of any length: each reader has each event once', async () => {
  await using accounts = await openAccounts({ maxConnections: 24, limit: { events: 7, bytes: 4 * 1024 * 1024 } });
  let isOver = false;
  const write = async (writer: number) => {
    for (let n = 1; n <= 30; n += 1) {
      await accounts.database.transaction(async (tx) => {
        await accounts.store.on(tx, account).append(`${writer}-${n}`, 0, [deposit]);
        for (let turn = (writer * n) % 17; turn > 0; turn -= 1) await sql`select pg_sleep(${turn % 3 === 0 ? 0.002 : 0})`.execute(tx);
      });
    }
  };
  const read = async () => {
    const { next } = reader(accounts);
    const streams: string[] = [];
    for (let last = false; ; ) {
      last = isOver;
      streams.push(...(await next()));
      if (last) return streams;
      await nextTurn();
    }
  };
  const readers = [read(), read(), read()];
  await Promise.all(Array.from({ length: 20 }, (_, writer) => write(writer)));
  isOver = true;
  const expected = Array.from({ length: 20 }, (_, writer) => Array.from({ length: 30 }, (__, n) => `${writer}-${n + 1}`)).flat();
  for (const streams of await Promise.all(readers)) expect(streams.toSorted()).toEqual(expected.toSorted());
});
