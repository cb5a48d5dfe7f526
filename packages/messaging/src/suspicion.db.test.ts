import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { BEGINNING } from './inbox-marks.ts';
import { takeAny } from './inbox-rows.ts';
import { Data, openService } from './testing/working-service.ts';
import { type Job, job } from './types.ts';

const ROWS = 2_400;

/** Six jobs that take a moment each, and note their transaction. */
const jobs = Array.from({ length: 6 }, (_, index) =>
  job<unknown, typeof Data>({
    name: `slow-${index}`,
    data: Data,
    async handle(tx, { n = 0 }) {
      await sql`insert into effects values (${n})`.execute(tx);
      await delay(1);
    },
  }),
) as Job[];

test('two copies that work on a backlog suspect nothing, and handle it in batches', async () => {
  await using service = await openService(jobs, { settings: { inboxBatchMs: 100 } });
  const { query } = service.database;
  await sql`alter table effects add xid xid8 default pg_current_xact_id()`.execute(query);
  await sql`create table suspected (id bigint)`.execute(query);
  await sql`create function note() returns trigger language plpgsql as $$ begin insert into suspected values (new.id); return null; end $$`.execute(
    query,
  );
  await sql`create trigger noting after update on inbox for each row when (new.attempts > old.attempts) execute function note()`.execute(
    query,
  );
  await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    select 'job:slow-' || n % 6, gen_random_uuid(), 'slow-' || n % 6, 1, 'service', n::text, now(), '', '', json_build_object('n', n)
    from generate_series(1, ${ROWS}::integer) as n`.execute(query);
  await Promise.all([service.messaging.start(), service.startCopy()]);
  await eventually(async () => expect(await service.effects()).toHaveLength(ROWS), { timeoutMs: 60_000 });
  expect((await sql`select from suspected`.execute(query)).rows).toHaveLength(0);
  const { rows } = await sql<{ count: number }>`select count(distinct xid::text)::integer as count from effects`.execute(query);
  // With a transaction for each row that was given back there would be more than half as many as rows.
  expect(rows[0]?.count).toBeLessThan(ROWS / 4);
}, 90_000);

test('a row is suspect whose holder was cut off, and not one whose holder committed or is unknown', async () => {
  await using service = await openService([], { leftoversExpected: 'nothing handles them' });
  const { database } = service;
  await sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    select 'c', gen_random_uuid(), 't', 1, 's', '', now(), '', '', '{}' from generate_series(1, 3)`.execute(database.query);
  const take = (rows: number, after = async () => {}) =>
    database.transaction(async (tx) => {
      const taken = await takeAny(tx, 'c', { rows, bytes: 1_000_000 }, BEGINNING);
      await after();
      return taken.map(({ isSuspect }) => isSuspect);
    });
  const dies = async (): Promise<never> => {
    throw new Error('ended');
  };
  expect(await take(3)).toEqual([false, false, false]);
  await expect(take(1, dies)).rejects.toThrow('ended');
  expect(await take(3)).toEqual([true, false, false]);
  expect(await take(3)).toEqual([false, false, false]);
});
