import { noteStatements, testDatabase } from '@stoa/postgres/testing';
import { eventually } from '@stoa/service/testing';
import { CompiledQuery, sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createHorizon } from './horizon.ts';
import { createOutboxReader } from './outbox-reader.ts';
import { createOutboxRows } from './outbox-rows.ts';
import { createUnsent } from './unsent.ts';
import { createWaitingRows } from './waiting-rows.ts';

const LIMIT = { bytes: 64 * 1024 * 1024, hours: 1_000, ofKey: 20 };
const MOST = 5_000;
/** What a poll may read: the roots of the indexes it uses, and a leaf of each. */
const A_HANDFUL = 15;

let fixture: Awaited<ReturnType<typeof testDatabase<unknown>>>;
beforeAll(async () => {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  fixture = await testDatabase<unknown>({ sources, leftoversExpected: 'what waits is only read' });
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** The product's polls, on a database that notes what they send, and a clock that a test turns. */
function createLooks() {
  const { database } = fixture;
  const { db: query, sentBy, pagesOf } = noteStatements(database.query);
  let time = 0;
  const clock = (): number => time;
  const rows = createOutboxRows('sender', query, LIMIT);
  return {
    rows,
    reader: createOutboxReader({ rows, horizon: createHorizon(query, clock), most: MOST, ofKey: LIMIT.ofKey }),
    unsent: createUnsent(query, clock),
    waiting: createWaitingRows('sender', { ...database, query }, LIMIT),
    turnClock: () => void (time += 10_000),
    statements: sentBy,
    pages: pagesOf,
  };
}

/** Holds a snapshot, as a dump or a report does, until the returned function is called. */
async function holdSnapshot(): Promise<() => Promise<void>> {
  const { promise: over, resolve: release } = Promise.withResolvers<void>();
  const { promise: held, resolve: tell } = Promise.withResolvers<void>();
  const holding = fixture.database.query
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (tx) => {
      await sql`select count(*) from outbox`.execute(tx);
      tell();
      await over;
    });
  await held;
  return async () => {
    release();
    await holding;
  };
}

const ANY_KEY = sql`gen_random_uuid()::text`;
/** Over and over, as those of customers. */
const ONE_OF_A_THOUSAND_KEYS = sql`(n % 1000)::text`;

const append = (count: number, key = ANY_KEY) =>
  sql`
    insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data)
    select gen_random_uuid(), 'happened', 1, ${key}, '{receiver}', '', '', '{}' from generate_series(1, ${count}::int) as n`.execute(
    fixture.database.query,
  );

test('a poll of the outbox reads a handful of pages when 100,000 messages have gone through it, also while a session holds a snapshot', async () => {
  const looks = createLooks();
  const release = await holdSnapshot();
  for (let n = 0; n < 100_000; n += MOST) {
    await append(MOST, ONE_OF_A_THOUSAND_KEYS);
    const found = await looks.reader.read([]);
    expect(found).toHaveLength(MOST);
    await looks.rows.moveSent(found.map(({ id }) => id));
    await looks.unsent();
    looks.turnClock();
  }
  // As autovacuum does it: the planner learns that next to nothing waits.
  await append(50, ONE_OF_A_THOUSAND_KEYS);
  await sql`analyze outbox`.execute(fixture.database.query);
  await looks.rows.moveSent((await looks.reader.read([])).map(({ id }) => id));
  // The horizon comes after, as soon as no transaction of another test holds it up.
  await eventually(
    async () => {
      await looks.reader.read([]);
      await looks.unsent();
      looks.turnClock();
      const pages = { relay: await looks.pages(() => looks.reader.read([])), health: await looks.pages(looks.unsent) };
      expect(Math.max(...Object.values(pages))).toBeLessThan(A_HANDFUL);
    },
    { timeoutMs: 60_000 },
  );
  // What a poll from the beginning would cost: the test measures something.
  looks.reader.startOver();
  expect(await looks.pages(() => looks.reader.read([]))).toBeGreaterThan(100);
  await append(1);
  expect(await looks.reader.read([])).toHaveLength(1);
  expect(await looks.unsent()).toMatchObject({ count: 1 });
  await release();
  await sql`delete from outbox`.execute(fixture.database.query);
}, 180_000);

test('100,000 deliveries that wait for an absent subscriber cost a step a handful of pages', async () => {
  const looks = createLooks();
  await append(100_000);
  await sql`
    with split as (update outbox set is_split = true, retry_at = now() returning id, key)
    insert into outbox_waiting (outbox_id, subscriber, type, key, is_first) select id, 'absent', 'happened', key, true from split`.execute(
    fixture.database.query,
  );
  await sql`vacuum analyze outbox, outbox_waiting`.execute(fixture.database.query);
  const route = { subscriber: 'absent', type: 'happened' };
  // The horizon comes after, as soon as no transaction of another test holds it up.
  await eventually(
    async () => {
      await looks.reader.read([]);
      looks.turnClock();
      expect(await looks.pages(() => looks.reader.read([]))).toBeLessThan(A_HANDFUL);
    },
    { timeoutMs: 60_000 },
  );
  expect(await looks.pages(() => looks.waiting.due(route, new Date(0), 1, []))).toBeLessThan(A_HANDFUL);
  expect(await looks.pages(() => looks.waiting.nextDueMs(route, new Date(0)))).toBeLessThan(A_HANDFUL);
  expect(await looks.pages(looks.waiting.routes)).toBeLessThan(A_HANDFUL);
}, 180_000);

test('a query by id does not use the index by key, which PostgreSQL 18 would search once for each key', async () => {
  const looks = createLooks();
  const [byId] = await looks.statements(() => looks.rows.next(1, MOST, [], []));
  const [byKey] = await looks.statements(() => looks.rows.ofKeys(new Map([['key', 1]]), []));
  const undone = new Error('undone');
  const plans: string[] = [];
  await fixture.database
    .transaction(async (tx) => {
      // With all others gone it would be taken if it could be.
      await sql`alter table outbox drop constraint outbox_pkey cascade`.execute(tx);
      await sql`drop index outbox_pending`.execute(tx);
      await sql`set local enable_seqscan = off`.execute(tx);
      for (const statement of [byId, byKey] as [CompiledQuery, CompiledQuery]) {
        const { rows } = await tx.executeQuery(CompiledQuery.raw(`explain (format json) ${statement.sql}`, [...statement.parameters]));
        plans.push(JSON.stringify(rows));
      }
      throw undone;
    })
    .catch((error: unknown) => expect(error).toBe(undone));
  expect(plans.map((plan) => plan.includes('"outbox_key"'))).toEqual([false, true]);
});
