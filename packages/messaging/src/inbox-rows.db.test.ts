import { testDatabase } from '@stoa/postgres/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { BEGINNING } from './inbox-marks.ts';
import { takeAny, takeOrdered } from './inbox-rows.ts';

test.for([
  ['any', takeAny],
  ['ordered', takeOrdered],
] as const)(
  '%s: large rows come with their data while there is room, and one at least; so many rows as asked for are held',
  async ([, take]) => {
    await using fixture = await testDatabase<unknown>({
      sources: [{ name: 'messaging', directory: messagingMigrations }],
      leftoversExpected: 'nothing handles them',
    });
    const { database } = fixture;
    await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    select 'c', gen_random_uuid(), 't', 1, 's', '', now(), '', '', to_json(repeat('x', 998)) from generate_series(1, 6)`.execute(
      database.query,
    );
    const takeUpTo = (bytes: number) => database.transaction((tx) => take(tx, 'c', { rows: 5, bytes }, BEGINNING));
    for (const [bytes, whole] of [
      [1, 1],
      [2_500, 3],
      [1_000_000, 5],
    ] as const) {
      const rows = (await takeUpTo(bytes)) ?? [];
      expect(rows.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
      expect(rows.map(({ isWhole }) => isWhole)).toEqual(rows.map((_, index) => index < whole));
      expect(rows.map(({ message }) => message.data !== null)).toEqual(rows.map((_, index) => index < whole));
    }
  },
);
