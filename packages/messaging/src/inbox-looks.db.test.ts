import { noteStatements, testDatabase } from '@stoa/postgres/testing';
import { eventually } from '@stoa/service/testing';
import { type Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { readBacklog } from './backlog.ts';
import { messagingMigrations } from './create-messaging.ts';
import { createMarks, type Marks } from './inbox-marks.ts';
import { remove, takeAny, takeOrdered } from './inbox-rows.ts';
import { createLiveCopies, findUnclaimed } from './live-copies.ts';
import { createUnsent } from './unsent.ts';

/** Three or four for each index that is read, and some for the catalogue. */
const MOST_PAGES = 25;
const LIMIT = { rows: 250, bytes: 4_000_000 };

async function openInbox() {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  return await testDatabase<unknown>({ sources, leftoversExpected: 'nothing handles them' });
}

/** All that runs per step of a worker and per scrape, by what it is. */
async function pagesPerLook({ db, pagesOf }: ReturnType<typeof noteStatements<unknown>>, marks: Marks) {
  return {
    any: await pagesOf(() => takeAny(db, 'c', LIMIT, marks.of('c'))),
    ordered: await pagesOf(() => takeOrdered(db, 'c', LIMIT, marks.of('c'))),
    look: await pagesOf(() => marks.look(['c'])),
    backlog: await pagesOf(() => readBacklog(db, ['c'], marks, createUnsent(db))),
    unclaimed: await pagesOf(() => findUnclaimed(db)),
  };
}

/** So many messages come and are handled, none of them seen by a vacuum; one in ten after a failure. */
async function passThrough(db: Kysely<unknown>, count: number): Promise<void> {
  for (let done = 0; done < count; done += 10_000) {
    await sql`
      insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, registered)
      select 'c', gen_random_uuid(), 't', 1, 's', n::text, now(), '', '', '{"a":1}', true from generate_series(1, 10000) as n`.execute(db);
    await sql`update inbox set attempts = 1, delayed = true, run_at = clock_timestamp() where key::integer % 10 = 0`.execute(db);
    await sql`delete from inbox where consumer = 'c'`.execute(db);
  }
}

// Each waits for ten seconds, the most that a clock may be set back unseen.
test.concurrent.for([false, true])(
  'a poll costs a handful of pages after 40,000 handled messages, under a foreign snapshot: %s',
  { timeout: 60_000 },
  async (isHeld, { expect }) => {
    await using fixture = await openInbox();
    const { query } = fixture.database;
    await sql`alter table inbox set (autovacuum_enabled = off)`.execute(query);
    let time = 0;
    const spied = noteStatements(query);
    const marks = createMarks(spied.db, () => time);
    const settle = async () => {
      for (let n = 0; n < 4; n++) {
        time += 1_500;
        await marks.look(['c']);
      }
    };
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: holding, resolve: hold } = Promise.withResolvers<void>();
    const holder = query
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (tx) => {
        await sql`select from inbox`.execute(tx);
        hold();
        if (isHeld) await released;
      });
    await holding;
    await createLiveCopies(query, 'one', [{ consumer: 'c', type: 't', version: 1 }]).announce();
    await passThrough(query, 40_000);
    const walked = await pagesPerLook(spied, createMarks(spied.db));
    await eventually(
      async () => {
        await settle();
        const pages = await pagesPerLook(spied, marks);
        expect(Object.entries(pages).filter(([, count]) => count > MOST_PAGES)).toEqual([]);
      },
      { timeoutMs: 30_000 },
    );
    // From the beginning all of it is walked over: the mark is what makes the difference.
    if (isHeld) expect(walked.any).toBeGreaterThan(150);
    release();
    await holder;
  },
);

test('the mark passes no row that commits late, none that waits, and what it did pass is found by the next full poll', async () => {
  await using fixture = await openInbox();
  const { query } = fixture.database;
  let time = 0;
  const marks = createMarks(query, () => time);
  const insert = (db: Kysely<unknown>, key: string, wait = '0 s') =>
    sql`
      insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, run_at)
      values ('c', gen_random_uuid(), 't', 1, 's', ${key}, now(), '', '', '{}', clock_timestamp() + ${wait}::interval)`.execute(db);
  const settle = async () => {
    for (let n = 0; n < 6; n++) {
      time += 1_500;
      await marks.look(['c']);
    }
  };
  const taken = () =>
    fixture.database.transaction(async (tx) => {
      const rows = await takeAny(tx, 'c', LIMIT, marks.of('c'));
      if (rows.length > 0) await remove(tx, rows);
      return rows.map(({ message }) => message.key);
    });
  await fixture.database.transaction(async (late) => {
    await insert(late, 'late');
    for (const key of ['a', 'b']) await insert(query, key);
    expect(await taken()).toEqual(['a', 'b']);
    await settle();
  });
  expect(await taken()).toEqual(['late']);
  await insert(query, 'waits');
  await settle();
  await insert(query, 'newer');
  expect(await taken()).toEqual(['waits', 'newer']);
  // A transaction of another test, on the same server, may hold the mark up for a while.
  await eventually(async () => {
    await settle();
    expect(marks.of('c').id).toBeGreaterThan(0);
  });
  await sql`
    insert into inbox (id, consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
    overriding system value values (0, 'c', gen_random_uuid(), 't', 1, 's', 'below', now(), '', '', '{}')`.execute(query);
  expect(await taken()).toEqual([]);
  time += 60_000;
  expect((await marks.look(['c'])).get('c')).toMatchObject({ isDue: true, isLowered: true });
  expect(await taken()).toEqual(['below']);
});

test('rows that wait for a consumer that no live copy has are found, wherever its name sorts', async () => {
  await using fixture = await openInbox();
  const { query } = fixture.database;
  const names = ['a', 'b', 'b2', 'c', 'd', 'job:x', 'job:y', 'unrouted', 'z'];
  for (const name of names)
    await sql`
      insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data)
      select ${name}, gen_random_uuid(), 't', 1, 's', '', now(), '', '', '{}' from generate_series(1, 2)`.execute(query);
  expect(await findUnclaimed(query)).toEqual([]);
  const takes = (consumer: string) => ({ consumer, type: 't', version: 1 });
  await createLiveCopies(query, 'one', ['b', 'd'].map(takes)).announce();
  await createLiveCopies(query, 'other', ['b', 'job:x'].map(takes)).announce();
  expect(await findUnclaimed(query)).toEqual(['a', 'b2', 'c', 'job:y', 'z'].map((consumer) => ({ consumer, count: 2 })));
});
