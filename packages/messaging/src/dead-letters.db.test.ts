import { randomUUID } from 'node:crypto';
import { testDatabase } from '@stoa/postgres/testing';
import { createLog } from '@stoa/service';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createDeadLetters, type DeadLetters } from './dead-letters.ts';
import { BEGINNING } from './inbox-marks.ts';
import { takeOrdered } from './inbox-rows.ts';
import { createOutboxRows } from './outbox-rows.ts';
import { createWaitingRows } from './waiting-rows.ts';

let fixture: Awaited<ReturnType<typeof testDatabase<unknown>>>;
let letters: DeadLetters;
beforeAll(async () => {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  fixture = await testDatabase<unknown>({ sources, leftoversExpected: 'nothing takes up what is replayed' });
  letters = createDeadLetters({ database: fixture.database, log: createLog({ level: 'silent' }) });
});
beforeEach(() => sql`truncate inbox, outbox, outbox_waiting, dead_letter_replays`.execute(fixture.database.query));
afterAll(() => fixture[Symbol.asyncDispose]());

const limit = { rows: 100, bytes: 1_000_000, hours: 24, ofKey: 20 };
const query = async <T>(statement: ReturnType<typeof sql<T>>) => (await statement.execute(fixture.database.query)).rows;

/** So many that were given up, the first one first. */
const addDeadLetters = (count: number, { consumer = 'on-rain', type = 'rain', status = 'dead', key = 'k' } = {}) =>
  query(sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, attempts, reason, failed_at)
    select ${consumer}, gen_random_uuid(), ${type}, 1, 'sky', ${key}, now() - (${count} - n) * interval '1 s', 'c', 't', '{}', ${status},
      case ${status} when 'dead' then 12 else 0 end, 'too wet', now()
    from generate_series(1, ${count}) as n`);
const park = (key: string) =>
  query<{ id: number }>(sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data, reason, parked_at, attempts)
    values (${randomUUID()}, 'hail', 1, ${key}, '{sky}', 'c', 't', '{}', 'refused', now(), 10) returning id`);
const replays = () =>
  query<{ requested_by: string; filter: object; per_second: number; replayed: number; finished_at: Date | null }>(
    sql`select requested_by, filter, per_second, replayed, finished_at from dead_letter_replays order by id`,
  );

describe('a replay by filter', () => {
  test('gives each letter its own time, oldest first, so many a second, over all batches', async () => {
    await addDeadLetters(4_500);
    expect(await letters.replayAll({ consumer: 'on-rain' }, { ratePerSecond: 10, by: 'user:ada' })).toBe(4_500);
    const [times] = await query<{ seconds: number; in_order: boolean; most: number }>(sql`
      select extract(epoch from max(run_at) - min(run_at))::float8 as seconds,
        (select max(n)::int from (select count(*) as n from inbox group by date_trunc('second', run_at)) as each) as most,
        (select bool_and(run_at >= before) from (select run_at, lag(run_at) over (order by occurred_at, id) as before from inbox) as pairs) as in_order
      from inbox where status = 'pending'`);
    expect(times?.in_order).toBe(true);
    expect(times?.most).toBeLessThanOrEqual(20);
    expect(times?.seconds).toBeCloseTo(449.9, 1);
    expect(await replays()).toEqual([
      { requested_by: 'user:ada', filter: { consumer: 'on-rain' }, per_second: 10, replayed: 4_500, finished_at: expect.any(Date) },
    ]);
  });

  test('goes batch by batch, each by itself, and is logged as finished once', async () => {
    await addDeadLetters(2_001);
    const first = await letters.beginReplay({});
    expect(first).toMatchObject({ replayed: 2_000, isFinished: false });
    expect(await replays()).toMatchObject([{ replayed: 2_000, finished_at: null, requested_by: 'system' }]);
    expect((await letters.list()).items).toHaveLength(1);
    const parallel = await Promise.all([letters.continueReplay(first.replay), letters.continueReplay(first.replay)]);
    for (const progress of parallel) expect(progress).toEqual({ replay: first.replay, replayed: 2_001, isFinished: true });
    expect(await letters.continueReplay(first.replay + 1)).toBeUndefined();
  });

  test('that is continued late goes on at its rate', async () => {
    await addDeadLetters(4_001);
    const { replay } = await letters.beginReplay({}, { ratePerSecond: 1_000 });
    // An hour goes by: all that was moved has been handled.
    await query(sql`update inbox set status = 'done' where status = 'pending'`);
    await query(sql`
      update dead_letter_replays set requested_at = requested_at - interval '1 h', next_at = next_at - interval '1 h'`);
    await query(sql`update inbox set failed_at = failed_at - interval '1 h'`);
    const lastTurn = async () =>
      (
        await query<{ seconds: number }>(
          sql`select extract(epoch from max(run_at) - now())::float8 as seconds from inbox where status = 'pending'`,
        )
      )[0]?.seconds;
    await letters.continueReplay(replay);
    expect(await lastTurn()).toBeGreaterThan(1.5);
    await letters.continueReplay(replay);
    const [rows] = await query<{ turns: number; seconds: number }>(sql`
      select count(distinct run_at)::int as turns, extract(epoch from max(run_at) - min(run_at))::float8 as seconds from inbox where status = 'pending'`);
    expect(rows?.turns).toBe(2_001);
    expect(rows?.seconds).toBeCloseTo(2, 2);
  });

  test('takes no letter that died after it began', async () => {
    await addDeadLetters(2_000);
    const { replay } = await letters.beginReplay({});
    await addDeadLetters(1);
    expect(await letters.continueReplay(replay)).toMatchObject({ replayed: 2_000, isFinished: true });
    expect((await letters.list()).items).toHaveLength(1);
  });

  test('takes what matches, from both boxes, and nothing else', async () => {
    await addDeadLetters(2);
    await addDeadLetters(1, { consumer: 'on-storm' });
    await addDeadLetters(1, { type: 'snow' });
    await park('a');
    expect(await letters.replayAll({ type: 'rain', consumer: 'on-rain' })).toBe(2);
    expect(await letters.replayAll({ box: 'outbox' })).toBe(1);
    expect(await letters.replayAll({})).toBe(2);
    expect(await letters.replayAll({})).toBe(0);
  });
});

test('a refusal that is counted late leaves a delivery alone that another relay has parked, and brings back none that it has sent', async () => {
  const [row] = await park('a');
  await letters.replayAll({});
  const [delivery] = await query<{ id: number }>(sql`select id from outbox_waiting`);
  const rows = createWaitingRows('service', fixture.database, limit);
  await rows.park([delivery?.id as number], 'refused', 10);
  await rows.countRefusal(delivery?.id as number, 'too late', 0);
  expect(await query(sql`select attempts, reason from outbox_waiting`)).toEqual([{ attempts: 10, reason: 'refused' }]);
  expect(await query(sql`select id from outbox where parked_at is not null`)).toEqual([row]);
  await rows.settle([delivery?.id as number]);
  await rows.countRefusal(delivery?.id as number, 'too late', 0);
  await rows.setAside([{ outboxId: row?.id as number, subscriber: 'sky', attempts: 1, waitMs: 0, reason: 'too late', isParked: false }]);
  expect(await query(sql`select from outbox_waiting`)).toEqual([]);
  expect((await letters.list()).items).toEqual([]);
});

describe('what is kept of a replay', () => {
  test('is shown with a letter that it did not help', async () => {
    await addDeadLetters(3);
    await letters.replayAll({ type: 'rain' }, { ratePerSecond: 7, by: 'service-account:bot' });
    await query(sql`update inbox set status = 'dead', failed_at = now()`);
    const [item] = (await letters.list()).items;
    expect((await letters.get(item?.id ?? ''))?.lastReplay).toEqual({
      at: expect.any(Date),
      by: 'service-account:bot',
      filter: { type: 'rain' },
      ratePerSecond: 7,
      replayed: 3,
    });
    await letters.replay(item?.id ?? '', 'user:ada');
    await query(sql`update inbox set status = 'dead', failed_at = now()`);
    expect((await letters.get(item?.id ?? ''))?.lastReplay).toMatchObject({ by: 'user:ada', filter: { id: item?.id }, replayed: 1 });
  });

  test('is nothing, where there was nothing to replay by its id', async () => {
    await addDeadLetters(1);
    expect(await letters.replay('inbox-999999')).toBe(false);
    expect(await letters.replay('nonsense')).toBe(false);
    expect(await replays()).toEqual([]);
    const [item] = (await letters.list()).items;
    expect((await letters.get(item?.id ?? ''))?.lastReplay).toBeUndefined();
  });
});

describe('what waits for its turn in a replay', () => {
  test('holds up no newer message of its key: not in an ordered inbox, not in the outbox', async () => {
    await addDeadLetters(20, { key: 'same' });
    await park('same');
    await letters.replayAll({ box: 'inbox' }, { ratePerSecond: 1 });
    await letters.replayAll({ box: 'outbox' });
    await query(sql`update outbox_waiting set retry_at = now() + interval '1 h'`);
    await addDeadLetters(1, { key: 'same', status: 'pending', type: 'newer' });
    const newer = await park('same');
    await query(sql`update outbox set parked_at = null, attempts = 0 where id = ${newer[0]?.id}`);
    const taken = await fixture.database.transaction((tx) => takeOrdered(tx, 'on-rain', limit, BEGINNING));
    expect(taken?.map(({ message }) => message.type)).toEqual(expect.arrayContaining(['newer']));
    const outbox = createOutboxRows('service', fixture.database.query, limit);
    const blocked = async () => (await outbox.next(0, 10, [], [])).rows.map(({ id, blocked: subscribers }) => ({ id, subscribers }));
    expect(await blocked()).toEqual([{ id: newer[0]?.id, subscribers: [] }]);
    // Once it was tried and failed, it does.
    await query(sql`update outbox_waiting set attempts = 1`);
    await query(sql`update inbox set attempts = 1 where status = 'pending' and run_at > now()`);
    expect(await blocked()).toEqual([{ id: newer[0]?.id, subscribers: ['sky'] }]);
    expect(await fixture.database.transaction((tx) => takeOrdered(tx, 'on-rain', limit, BEGINNING))).toEqual([]);
  });
});
