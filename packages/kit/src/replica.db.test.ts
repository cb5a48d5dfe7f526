import { randomUUID } from 'node:crypto';
import { type TestDatabase, testDatabase } from '@stoa/postgres/testing';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReplica } from './replica.ts';

const authors = createReplica<unknown>({ table: 'authors', columns: { name: 'text' } });
const gone = createReplica<unknown>({ table: 'gone', id: 'user_id' });
const deletedAt = new Date('2026-11-21T09:00:00Z');
let fixture: TestDatabase<unknown>;
beforeAll(async () => {
  fixture = await testDatabase();
  const { query } = fixture.database;
  await sql`create table authors (id uuid primary key, name text, version integer not null default 0, deleted_at timestamptz)`.execute(
    query,
  );
  await sql`create table gone (user_id uuid primary key, deleted_at timestamptz not null, heard_at timestamptz not null default now())`.execute(
    query,
  );
  await sql`create table notes (author_id uuid)`.execute(query);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const inTransaction = <T>(work: Parameters<typeof fixture.database.transaction<T>>[0]) => fixture.database.transaction(work);
const find = async (id: string) =>
  (await sql<object>`select name, version, deleted_at from authors where id = ${id}`.execute(fixture.database.query)).rows[0];

test('in whatever order, and however often: the newest version counts, and a deleted one stays deleted without its data', async () => {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.record({ version: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 1, arbitrary: fc.constant('delete' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 12 }), async (events) => {
      const id = randomUUID();
      for (const change of events)
        await inTransaction((tx) =>
          change === 'delete' ? authors.remove(tx, id, deletedAt) : authors.keep(tx, [{ id, ...change, name: `v${change.version}` }]),
        );
      const newest = Math.max(0, ...events.map((change) => (change === 'delete' ? 0 : change.version)));
      const found = await find(id);
      if (events.includes('delete')) expect(found).toMatchObject({ name: null, deleted_at: deletedAt });
      else expect(found).toEqual({ name: `v${newest}`, version: newest, deleted_at: null });
    }),
    { numRuns: 40 },
  );
});

test('of one entity twice in a batch the newest is kept', async () => {
  const id = randomUUID();
  const versions = [1, 3, 2].map((version) => ({ id, version, name: `v${version}` }));
  await inTransaction((tx) => authors.keep(tx, versions));
  expect(await find(id)).toMatchObject({ name: 'v3', version: 3 });
});

test('batches of the same entities in opposite orders do not wait for each other for ever', async () => {
  const ids = Array.from({ length: 200 }, () => randomUUID());
  const batch = (order: readonly string[], version: number) => order.map((id) => ({ id, version, name: `v${version}` }));
  const work = Array.from({ length: 12 }, (_, n) => batch(n % 2 ? ids : ids.toReversed(), n + 1));
  await Promise.all(work.map((entities) => inTransaction((tx) => authors.keep(tx, entities))));
  const { rows } = await sql`select distinct name from authors where id = any(${ids}::uuid[])`.execute(fixture.database.query);
  expect(rows).toEqual([{ name: 'v12' }]);
});

test('tombstones are forgotten after their days, a batch at a time, unless something names the entity', async () => {
  const { query } = fixture.database;
  const [old, used, fresh] = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of [old, used, fresh]) await inTransaction((tx) => gone.remove(tx, id, deletedAt));
  await inTransaction((tx) => gone.remove(tx, old, new Date()));
  await sql`update gone set heard_at = now() - interval '31 days' where user_id <> ${fresh}`.execute(query);
  await sql`insert into notes values (${used})`.execute(query);
  const options = { days: 30, limit: 10, usedBy: { table: 'notes', column: 'author_id' }, since: 'heard_at' };
  expect(await gone.forget(query, options)).toBe(1);
  const left = await sql<{ user_id: string }>`select user_id from gone`.execute(query);
  expect(left.rows.map((row) => row.user_id).toSorted()).toEqual([used, fresh].toSorted());
});
