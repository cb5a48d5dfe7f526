import { testDatabase } from '@stoa/postgres/testing';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createLocalBroker } from './local-broker.ts';
import { keepSent } from './sent-rows.ts';
import { silent } from './testing/copies.ts';
import { openPipeline } from './testing/pipeline.ts';

test('what an older copy set aside is sent, what it parked is a dead letter that can be replayed, what it marked as sent leaves the outbox', async () => {
  await using pipeline = await openPipeline();
  const { query } = pipeline.sender.database;
  await pipeline.append(...[1, 2, 3, 4].map((n) => ({ key: 'a', n })));
  await sql`update outbox set retry_at = now() where data->>'n' = '1'`.execute(query);
  await sql`update outbox set parked_at = now(), reason = 'too hot', attempts = 10 where data->>'n' = '2'`.execute(query);
  await sql`update outbox set sent_at = now() where data->>'n' = '3'`.execute(query);
  const broker = createLocalBroker({ log: silent });
  await pipeline.startReceiver(broker);
  const sender = await pipeline.startSender(broker);
  await eventually(async () => expect((await pipeline.effects('in-order')).map(({ n }) => n)).toEqual([1, 4]));
  const { items } = await sender.deadLetters.list();
  expect(items).toMatchObject([{ id: 'outbox-2', box: 'outbox', reason: 'too hot', attempts: 10 }]);
  await eventually(async () => expect((await sql`select id from outbox`.execute(query)).rows).toEqual([{ id: 2 }]));
  expect(await sender.deadLetters.replay('outbox-2')).toBe(true);
  await eventually(async () => expect((await pipeline.effects('in-order')).map(({ n }) => n)).toEqual([1, 4, 2]));
  await pipeline.drained();
});

test('partitions are made ahead and dropped after their time, by several copies at once; without one a row goes to the default, and goes after its time', async () => {
  await using fixture = await testDatabase<unknown>({ sources: [{ name: 'messaging', directory: messagingMigrations }] });
  const { database } = fixture;
  const partitions = async () => {
    const { rows } = await sql<{ name: string }>`
      select inhrelid::regclass::text as name from pg_inherits where inhparent = 'outbox_sent'::regclass order by 1`.execute(
      database.query,
    );
    return rows.map(({ name }) => name);
  };
  const put = (when: ReturnType<typeof sql>) =>
    sql`
      insert into outbox_sent (id, message_id, type, version, key, subscribers, occurred_at, correlation_id, traceparent, data, sent_at)
      select 1, gen_random_uuid(), 't', 1, '', '{}', now(), '', '', '{}', ${when}`.execute(database.query);
  const before = await partitions();
  for (const name of before.filter((each) => each !== 'outbox_sent_default'))
    await sql`drop table ${sql.table(name)}`.execute(database.query);
  await sql`create table outbox_sent_2020_01_01 partition of outbox_sent for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')`.execute(
    database.query,
  );
  // A clock that jumped, forward and back.
  for (const when of [sql`now() + interval '400 days'`, sql`now() - interval '400 days'`, sql`now() - interval '3 days'`]) await put(when);
  await Promise.all([1, 2, 3].map(() => keepSent(database, 168, silent)));
  await keepSent(database, 168, silent);
  expect(await partitions()).toEqual(before);
  const { rows } = await sql`select tableoid::regclass::text as in from outbox_sent order by sent_at`.execute(database.query);
  expect(rows).toEqual([{ in: 'outbox_sent_default' }, { in: 'outbox_sent_default' }]);
});
