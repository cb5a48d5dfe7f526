import { testDatabase } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql, type Transaction } from 'kysely';
import { Registry } from 'prom-client';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { createMessaging, messagingMigrations } from './create-messaging.ts';
import { createLocalBroker } from './local-broker.ts';
import { createMessageWriters } from './message-writers.ts';
import type { MessagingSettings } from './settings.ts';
import { silent } from './testing/copies.ts';
import { job } from './types.ts';

type Tx = Transaction<unknown>;
const write = (tx: Tx, what: string) => sql`insert into effects values (${what})`.execute(tx);

/** Runs a job whose first try is `first`, and whose second one writes `second try`. @returns the effects once it is done. */
async function effectsOf(first: (tx: Tx) => Promise<unknown>, settings: Partial<MessagingSettings> = {}): Promise<unknown[]> {
  await using fixture = await testDatabase<unknown>({ sources: [{ name: 'messaging', directory: messagingMigrations }] });
  const { database } = fixture;
  await sql`create table effects (what text)`.execute(database.query);
  await sql`create table things (id integer primary key)`.execute(database.query);
  const tries: Promise<unknown>[] = [];
  const work = job<unknown, ReturnType<typeof Type.Object>>({
    name: 'work',
    data: Type.Object({}),
    async handle(tx) {
      const current = tries.length === 0 ? first(tx) : write(tx, 'second try');
      tries.push(current);
      await current;
    },
  });
  const messaging = createMessaging({
    ...{ service: 's', database, broker: createLocalBroker({ log: silent }), log: silent, metrics: new Registry(), instanceId: uuidv7() },
    ...{ consumers: [], jobs: [work], crons: [] },
    settings: { backoff: { firstMs: 1, longestMs: 1 }, ...settings },
  });
  await messaging.start();
  try {
    await database.transaction((tx) => createMessageWriters('s', database).jobs(tx).enqueue(work, {}));
    await eventually(async () => expect((await sql`select from inbox`.execute(database.query)).rows).toEqual([]));
    expect(tries).toHaveLength(2);
    await Promise.allSettled(tries);
  } finally {
    await messaging.stop();
  }
  return (await sql<{ what: string }>`select what from effects order by what`.execute(database.query)).rows.map(({ what }) => what);
}

test('a handler whose time is over between two statements: what it does afterwards is refused, and its effects happen once', async () => {
  const effects = effectsOf(
    async (tx) => {
      await write(tx, 'first');
      for (let n = 0; n < 4; n++) await sql`select pg_sleep(0.2)`.execute(tx);
      await write(tx, 'late');
      await write(tx, 'later');
    },
    { handlerTimeoutMs: 500 },
  );
  expect(await effects).toEqual(['second try']);
});

test('a handler of which one of several statements fails leaves nothing of the others', async () => {
  const effects = effectsOf((tx) =>
    Promise.all([
      sql`insert into things values (1), (1)`.execute(tx),
      write(tx, 'second'),
      write(tx, 'third').then(() => write(tx, 'more')),
    ]),
  );
  expect(await effects).toEqual(['second try']);
});

test('a handler that does not wait for a statement of its own has failed, and nothing lands after the commit', async () => {
  const effects = effectsOf(async (tx) => {
    await write(tx, 'awaited');
    sql`select pg_sleep(0.05)`
      .execute(tx)
      .then(() => write(tx, 'late'))
      .catch(() => {});
  });
  expect(await effects).toEqual(['second try']);
});
