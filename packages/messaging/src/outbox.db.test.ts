import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createOutbox } from './outbox.ts';
import { moveSent } from './outbox-rows.ts';
import { happened } from './testing/copies.ts';
import { openPipeline } from './testing/pipeline.ts';

test('any number of events that are appended at a time are written, in their order, each with its subscribers', async () => {
  await using pipeline = await openPipeline('the relay is never started here');
  const { database } = pipeline.sender;
  // As bind parameters they would be 72,000, and PostgreSQL takes 65,535.
  const numbers = Array.from({ length: 8_000 }, (_, n) => n);
  const elsewhere = { ...happened, subscribers: ['one', 'an-other'] };
  await database.transaction(async (tx) => {
    const outbox = createOutbox('sender', pipeline.sender.database, tx);
    await Promise.all(numbers.map((n) => outbox.append(n === 0 ? elsewhere : happened, { key: 'a', n })));
  });
  const { rows } = await sql<{ n: number; subscribers: string[] }>`
    select (data->>'n')::integer as n, subscribers from outbox order by id`.execute(database.query);
  expect(rows.map(({ n }) => n)).toEqual(numbers);
  expect([rows[0], rows[1]]).toMatchObject([{ subscribers: ['one', 'an-other'] }, { subscribers: happened.subscribers }]);
});

test('a row that moves to those that were sent makes no transaction of others less durable', async () => {
  await using pipeline = await openPipeline();
  await pipeline.append({ key: 'a', n: 1 });
  await pipeline.sender.database.transaction(async (tx) => {
    await sql`set local synchronous_commit = on`.execute(tx);
    expect(await moveSent(tx, sql`true`)).toBe(1);
    const { rows } = await sql`select current_setting('synchronous_commit') as value`.execute(tx);
    expect(rows).toEqual([{ value: 'on' }]);
  });
});
