import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createMarks } from './inbox-marks.ts';
import { remove, takeAny, takeOrdered } from './inbox-rows.ts';
import { silent } from './testing/copies.ts';

/** A database whose clock a test sets back, as far as our own statements ask for it. */
async function openInbox() {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  const fixture = await testDatabase<unknown>({ sources, leftoversExpected: 'what waits' });
  const { query } = fixture.database;
  await sql`create schema later`.execute(query);
  await sql`create table later.clock (behind interval not null)`.execute(query);
  await sql`insert into later.clock values ('0 s')`.execute(query);
  for (const name of ['now', 'clock_timestamp']) {
    await sql`
      create function later.${sql.raw(name)}() returns timestamptz language sql stable
      as 'select pg_catalog.${sql.raw(name)}() - behind from later.clock'`.execute(query);
  }
  await sql`do $$ begin execute format('alter database %I set search_path = later, pg_catalog, public', current_database()); end $$`.execute(
    query,
  );
  return fixture;
}

const LIMIT = { rows: 100, bytes: 1_000_000 };

test.for([
  ['any', takeAny],
  ['ordered', takeOrdered],
] as const)(
  'the clock of the database is set back by an hour: what comes is taken at once, and by an ordered consumer in its order: %s',
  async ([, take]) => {
    await using fixture = await openInbox();
    const database = createDatabase<unknown>({ url: fixture.url, name: 'late', log: silent, metrics: new Registry() });
    const { query } = database;
    let time = 0;
    const marks = createMarks(query, () => time);
    const look = async () => {
      time += 1_500;
      return (await marks.look(['c'])).get('c');
    };
    const insert = (key: string, runAt = sql`clock_timestamp()`) =>
      sql`
      insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, run_at)
      values ('c', gen_random_uuid(), ${key}, 1, 's', 'k', now(), '', '', '{}', ${runAt})`.execute(query);
    const taken = () =>
      database.transaction(async (tx) => {
        const rows = (await take(tx, 'c', LIMIT, marks.of('c'))) ?? [];
        if (rows.length > 0) await remove(tx, rows);
        return rows.map(({ message }) => message.type);
      });
    for (let n = 0; n < 6; n++) await look();
    await insert('before');
    await sql`update later.clock set behind = '1 hour'`.execute(query);
    await insert('after');
    expect(await look()).toMatchObject({ isLowered: true });
    const both = await taken();
    expect(take === takeOrdered ? both : both.toSorted().toReversed()).toEqual(['before', 'after']);
    // What has a time of its own counts by the new clock, however far the mark had come.
    await insert('failed', sql`clock_timestamp() + interval '1 minute'`);
    expect(await look()).toMatchObject({ isDue: false });
    await sql`update later.clock set behind = '59 minutes'`.execute(query);
    expect(await look()).toMatchObject({ isDue: true });
    expect(await taken()).toEqual(['failed']);
    await database.close();
  },
);
