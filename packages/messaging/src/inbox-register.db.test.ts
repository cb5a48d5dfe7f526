import { randomUUID } from 'node:crypto';
import { testDatabase } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { messagingMigrations } from './create-messaging.ts';
import { createInbox } from './inbox.ts';
import { BEGINNING } from './inbox-marks.ts';
import { forgetSeen, sweepHandled } from './inbox-register.ts';
import { remove, takeAny } from './inbox-rows.ts';
import { happened, silent } from './testing/copies.ts';

const HOURS = 30 * 24;

let fixture: Awaited<ReturnType<typeof testDatabase<unknown>>>;
let query: Kysely<unknown>;
beforeAll(async () => {
  fixture = await testDatabase<unknown>({ sources: [{ name: 'messaging', directory: messagingMigrations }] });
  query = fixture.database.query;
});
beforeEach(async () => {
  await sql`truncate inbox, inbox_seen`.execute(query);
});
afterAll(async () => {
  await sql`truncate inbox, inbox_seen`.execute(query);
  await fixture[Symbol.asyncDispose]();
});

const message = (id = uuidv7()) => ({
  ...{ id, type: 'happened', version: 1, source: 'sender', key: 'a', occurredAt: new Date().toISOString() },
  ...{ correlationId: 'c', traceparent: '', data: { key: 'a', n: 1 } },
});
const accept = (...ids: string[]) =>
  createInbox(fixture.database, [{ name: 'c', event: happened, handle: async () => {} }], silent).accept(ids.map(message));
const waiting = async () => (await sql`select from inbox`.execute(query)).rows.length;
const known = async () => (await sql`select from inbox_seen`.execute(query)).rows.length;
const take = (db: Kysely<unknown>) => takeAny(db, 'c', { rows: 100, bytes: 1_000_000 }, BEGINNING);
const handleAll = () => fixture.database.transaction(async (tx) => remove(tx, await take(tx)));

/** A row as an earlier version left it, before there was a register. */
async function inherit(id: string, status: string): Promise<void> {
  await sql`alter table inbox disable trigger inbox_registered`.execute(query);
  await insertAsBefore(id, status);
  await sql`alter table inbox enable trigger inbox_registered`.execute(query);
}

/** What an earlier version inserts. */
const insertAsBefore = (id: string, status = 'pending', runAt = new Date()) =>
  sql`
    insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, run_at, done_at)
    values ('c', ${id}, 'happened', 1, 'sender', 'a', now(), 'c', '', '{"key":"a","n":1}', ${status}, ${runAt}, case when ${status} = 'done' then now() end)
    on conflict (consumer, message_id) do nothing`.execute(query);

test.for([
  ['of version 7', uuidv7],
  ['of another kind', randomUUID],
  ['of the year 2500', () => '0f3f0000-0000-7000-8000-000000000000'],
] as const)('a message with an id %s is known before it is handled and after', async ([, makeId]) => {
  const id = makeId();
  await accept(id, id);
  await accept(id);
  expect(await waiting()).toBe(1);
  await handleAll();
  expect(await waiting()).toBe(0);
  await accept(id);
  expect(await waiting()).toBe(0);
});

test.for(['known', 'inherited'])('an accept that is under way while a worker commits makes no second row: %s', async (how) => {
  const id = uuidv7();
  if (how === 'known') await accept(id);
  else await inherit(id, 'pending');
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: removed, resolve: done } = Promise.withResolvers<void>();
  const worker = fixture.database.transaction(async (tx) => {
    await remove(tx, await take(tx));
    done();
    await released;
  });
  await removed;
  const accepted = accept(id);
  if (how === 'inherited') {
    await eventually(async () => {
      const { rows } = await sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%inbox_seen%'`.execute(
        query,
      );
      expect(rows).toHaveLength(1);
    });
  }
  release();
  await Promise.all([worker, accepted]);
  expect(await waiting()).toBe(0);
});

test.for(['pending', 'done', 'dead'])('what an earlier version left %s is known, before and after it goes', async (status) => {
  const id = uuidv7();
  await inherit(id, status);
  await accept(id);
  expect(await waiting()).toBe(1);
  await sql`update inbox set status = 'pending' where status = 'dead'`.execute(query);
  await handleAll();
  await sweepHandled(query);
  expect(await waiting()).toBe(0);
  await accept(id);
  expect(await waiting()).toBe(0);
});

test('a copy of an earlier version beside: what either of them handled the other does not take for new', async () => {
  const [ours, theirs] = [uuidv7(), uuidv7()];
  await accept(ours);
  await handleAll();
  await insertAsBefore(ours);
  expect(await waiting()).toBe(0);
  await insertAsBefore(theirs);
  await sql`update inbox set status = 'done', done_at = now()`.execute(query);
  await accept(theirs);
  await sweepHandled(query);
  await accept(theirs);
  await insertAsBefore(theirs);
  expect(await waiting()).toBe(0);
  // A job of theirs for later is not taken before.
  await insertAsBefore(uuidv7(), 'pending', new Date(Date.now() + 3_600_000));
  expect(await take(query)).toEqual([]);
});

test('a slot is forgotten whole, once its newest message is old enough', async () => {
  await accept(uuidv7(), uuidv7());
  await sql`update inbox_seen set seen_at = now() - interval '31 days'`.execute(query);
  await accept(uuidv7());
  await forgetSeen(query, HOURS);
  expect(await known()).toBe(3);
  await sql`update inbox_seen set seen_at = now() - interval '31 days'`.execute(query);
  await forgetSeen(query, HOURS);
  expect(await known()).toBe(0);
});

test('a late message keeps what came before it in its slot', async () => {
  const [early = '', late = ''] = ['0199d3a0-0000-7000-8000-000000000001', '0199d3a0-0000-7000-8000-000000000002'];
  await accept(early, late);
  await sql`update inbox_seen set seen_at = now() - interval '31 days' where message_id = ${late}`.execute(query);
  await forgetSeen(query, HOURS);
  expect(await known()).toBe(2);
});

test('ids of another kind are forgotten one by one', async () => {
  await accept(...Array.from({ length: 1_500 }, () => randomUUID()));
  await sql`update inbox_seen set seen_at = now() - interval '31 days'`.execute(query);
  await accept(randomUUID());
  expect(await forgetSeen(query, HOURS)).toBe(true);
  expect(await forgetSeen(query, HOURS)).toBe(false);
  expect(await known()).toBe(1);
});

test('forgetting does not wait for readers of the tables, such as a dump, and holds up no accept', async () => {
  await accept(uuidv7());
  await sql`update inbox_seen set seen_at = now() - interval '31 days'`.execute(query);
  await query.transaction().execute(async (dump) => {
    await sql`select from inbox_seen`.execute(dump);
    await forgetSeen(query, HOURS);
    await accept(uuidv7());
  });
  expect(await known()).toBe(2);
});
