import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { account } from './testing/account.ts';
import { type Accounts, openAccounts, openStore } from './testing/open-accounts.ts';

const OWNER = 'Augusta Ada King';
/** As a search through a dump would find it. */
const FORMS = [OWNER, Buffer.from(OWNER).toString('hex'), Buffer.from(OWNER).toString('base64').slice(0, 20)];

/** All rows of all tables of the database, as text. */
async function dump({ database }: Accounts): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`.execute(
    database.query,
  );
  const texts: string[] = [];
  for (const { name } of tables)
    texts.push(
      (await sql<{ text: string }>`select coalesce(string_agg(t::text, e'\n'), '') as text from ${sql.raw(name)} t`.execute(database.query))
        .rows[0]?.text ?? '',
    );
  return texts.join('\n');
}

async function owners({ database, store, read }: Accounts, stream: string): Promise<unknown[]> {
  const projected = await sql<{ stream: string; sealed: Buffer | null }>`
    select account as stream, owner as sealed from balances where account = ${stream}`.execute(database.query);
  return await store.open(database.query, [...(await read(stream)), ...projected.rows]);
}

const destroy = ({ database, store }: Accounts, ...streams: string[]) => database.transaction((tx) => store.destroyKeys(tx, streams));

test('what is personal is nowhere in clear, and opens where it is stored: in events and in the projection', async () => {
  await using accounts = await openAccounts();
  await accounts.send('a', { type: 'open', currency: 'EUR', owner: OWNER });
  await accounts.send('a', { type: 'deposit', amount: 1 });
  const text = await dump(accounts);
  expect(text).toContain('account-opened');
  for (const form of FORMS) expect(text).not.toContain(form);
  expect(await owners(accounts, 'a')).toEqual([{ owner: OWNER }, null, { owner: OWNER }]);
});

test('with its key it is gone for good, of that stream alone; decisions go on, and nothing personal is stored any more', async () => {
  await using accounts = await openAccounts();
  for (const stream of ['gone', 'stays']) await accounts.send(stream, { type: 'open', currency: 'EUR', owner: OWNER });
  const { rows: before } = await sql<{ key: Buffer }>`select key from stream_keys where stream = 'gone'`.execute(accounts.database.query);
  await destroy(accounts, 'gone', 'gone');
  await destroy(accounts, 'gone');
  expect(await owners(accounts, 'gone')).toEqual([null, null]);
  expect(await owners(accounts, 'stays')).toEqual([{ owner: OWNER }, { owner: OWNER }]);
  expect(await dump(accounts)).not.toContain(before[0]?.key.toString('hex'));
  const opened = { type: 'account-opened' as const, data: { currency: 'USD' }, personal: { owner: OWNER } };
  const { state } = await accounts.database.transaction((tx) => accounts.store.on(tx, account).handle('gone', () => opened));
  expect(state).toEqual({ status: 'open', balance: 0 });
  expect(await accounts.read('gone')).toMatchObject([{ version: 1 }, { version: 2, sealed: null }]);
  expect(await accounts.send('gone', { type: 'deposit', amount: 3 })).toMatchObject({ version: 3, state: { balance: 3 } });
});

test('a stream without a key whose key is destroyed never gets one', async () => {
  await using accounts = await openAccounts();
  await destroy(accounts, 'early');
  await accounts.send('early', { type: 'open', currency: 'EUR', owner: OWNER });
  expect(await accounts.read('early')).toMatchObject([{ type: 'account-opened', sealed: null }]);
});

test('destroyed while events are appended, 20 times: nothing opens afterwards', async () => {
  await using accounts = await openAccounts({ maxConnections: 20 });
  const streams = Array.from({ length: 20 }, (_, n) => `raced-${n}`);
  await Promise.all(
    streams.flatMap((stream) => [accounts.send(stream, { type: 'open', currency: 'EUR', owner: OWNER }), destroy(accounts, stream)]),
  );
  for (const stream of streams) {
    expect(await accounts.read(stream)).toHaveLength(1);
    expect(new Set(await owners(accounts, stream))).toEqual(new Set([null]));
  }
});

test('opens neither as that of another stream, nor with the secret of another installation, nor when it was changed', async () => {
  await using accounts = await openAccounts();
  for (const stream of ['one', 'two']) await accounts.send(stream, { type: 'open', currency: 'EUR', owner: OWNER });
  const { store, database } = accounts;
  const [event] = await accounts.read('one');
  const sealed = event?.sealed as Buffer;
  await expect(store.open(database.query, [{ stream: 'two', sealed }])).rejects.toThrow();
  await expect(openStore({ secret: 2 }).open(database.query, [{ stream: 'one', sealed }])).rejects.toThrow();
  const changed = Buffer.from(sealed);
  changed.writeUInt8(changed.readUInt8(20) ^ 1, 20);
  await expect(store.open(database.query, [{ stream: 'one', sealed: changed }])).rejects.toThrow();
  const { rows } = await sql<{ key: Buffer }>`select key from stream_keys where stream = 'one'`.execute(database.query);
  await sql`update stream_keys set key = ${rows[0]?.key} where stream = 'two'`.execute(database.query);
  await expect(store.open(database.query, [{ stream: 'two', sealed }])).rejects.toThrow();
});
