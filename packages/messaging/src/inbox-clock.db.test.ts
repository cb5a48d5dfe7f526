import { createDatabase } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createMarks } from './inbox-marks.ts';
import { remove, takeAny, takeOrdered } from './inbox-rows.ts';
import { silent } from './testing/copies.ts';
import { installClock } from './testing/database-clock.ts';

const LIMIT = { rows: 100, bytes: 1_000_000 };

test.for([
  ['any', takeAny],
  ['ordered', takeOrdered],
] as const)(
  'the clock of the database is set back by an hour: what comes is taken at once, and by an ordered consumer in its order: %s',
  async ([, take]) => {
    const sources = [{ name: 'messaging', directory: messagingMigrations }];
    await using fixture = await testDatabase<unknown>({ sources, leftoversExpected: 'what waits' });
    const setBack = await installClock(fixture.database.query);
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
    await setBack('1 hour');
    await insert('after');
    expect(await look()).toMatchObject({ isLowered: true });
    const both = await taken();
    expect(take === takeOrdered ? both : both.toSorted().toReversed()).toEqual(['before', 'after']);
    // What has a time of its own counts by the new clock, however far the mark had come.
    await insert('failed', sql`clock_timestamp() + interval '1 minute'`);
    expect(await look()).toMatchObject({ isDue: false });
    await setBack('59 minutes');
    expect(await look()).toMatchObject({ isDue: true });
    expect(await taken()).toEqual(['failed']);
    await database.close();
  },
);
