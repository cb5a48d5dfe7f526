import { createLog, runInContext } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from './create-database.ts';
import type { Database } from './database.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

let fixture: TestDatabase<unknown>;
let database: Database<unknown>;

beforeAll(async () => {
  fixture = await testDatabase();
  await sql`create table accounts (id int primary key, n int not null)`.execute(fixture.database.query);
  await sql`insert into accounts values (1, 0), (2, 0)`.execute(fixture.database.query);
  database = createDatabase({
    url: fixture.url,
    name: 'waiting',
    log: createLog({ level: 'silent' }),
    metrics: new Registry(),
    maxConnections: 4,
  });
});
afterAll(async () => {
  await database.close();
  await fixture[Symbol.asyncDispose]();
});

/** As a request does it. */
const inRequest = <T>(work: () => Promise<T>) =>
  runInContext({ correlationId: 'a', traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-00`, clientIp: '192.0.2.1' }, work);

const BUSY = { kind: 'unavailable', code: 'database_busy', retryAfterSeconds: 1 };
const change = (db: Database<unknown>['query']) => sql`update accounts set n = n + 1 where id = 1`.execute(db);
const pids = async () =>
  (
    await sql<{ pid: number }>`select pid from pg_stat_activity where application_name = 'waiting' order by pid`.execute(
      fixture.database.query,
    )
  ).rows;
const waiters = async () =>
  (await sql`select from pg_stat_activity where application_name = 'waiting' and wait_event_type = 'Lock'`.execute(fixture.database.query))
    .rows;

/** Holds the lock of the row while `work` runs. */
async function whileLocked(work: (free: () => void) => Promise<void>): Promise<void> {
  const { promise: freed, resolve: free } = Promise.withResolvers<void>();
  const { promise: locked, resolve: tell } = Promise.withResolvers<void>();
  const holding = fixture.database.transaction(async (tx) => {
    await change(tx);
    tell();
    await freed;
  });
  await locked;
  try {
    await work(free);
  } finally {
    free();
    await holding;
  }
}

test('a request that waits for a lock fails as busy after 2 s, in a transaction or not, and its neighbours keep their connections', async () => {
  await Promise.all(Array.from({ length: 4 }, () => sql`select pg_sleep(0.05)`.execute(database.query)));
  const before = await pids();
  expect(before).toHaveLength(4);
  await whileLocked(async () => {
    const startedAt = performance.now();
    const waiting = [inRequest(() => change(database.query)), inRequest(() => database.transaction(change))].map((each) =>
      expect(each).rejects.toMatchObject(BUSY),
    );
    await eventually(async () => expect(await waiters()).toHaveLength(2));
    await inRequest(() => sql`update accounts set n = n + 1 where id = 2`.execute(database.query));
    await Promise.all(waiting);
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
  await inRequest(() => change(database.query));
  expect(await pids()).toEqual(before);
});

test('a transaction of the background waits for a lock as long as it takes, and leaves no trace of that on its connection', async () => {
  await whileLocked(async (free) => {
    let isDone = false;
    const waiting = database.transaction(change).then(() => {
      isDone = true;
    });
    await eventually(async () => {
      const { rows } = await sql<{ seconds: number }>`
        select extract(epoch from clock_timestamp() - query_start)::float8 as seconds from pg_stat_activity
        where application_name = 'waiting' and wait_event_type = 'Lock'`.execute(fixture.database.query);
      expect(rows[0]?.seconds).toBeGreaterThan(2.2);
    });
    expect(isDone).toBe(false);
    free();
    await waiting;
  });
  const settings = await Promise.all(
    Array.from({ length: 4 }, () => sql<{ lock_timeout: string }>`show lock_timeout`.execute(database.query)),
  );
  expect(settings.map(({ rows }) => rows[0]?.lock_timeout)).toEqual(['2s', '2s', '2s', '2s']);
});
