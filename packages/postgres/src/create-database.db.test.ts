import { AppError, createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import pg from 'pg';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkViolation, foreignKeyViolation, uniqueViolation } from './constraint-violations.ts';
import { createDatabase } from './create-database.ts';
import type { Database } from './database.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

interface Schema {
  pets: { id: number; name: string; owner: number | null; born: string | null };
}

const log = createLog({ level: 'silent' });
let fixture: TestDatabase<Schema>;
let database: Database<Schema>;

beforeAll(async () => {
  fixture = await testDatabase<Schema>();
  database = fixture.database;
  await sql`create table pets (
    id int8 primary key,
    name text not null constraint pets_name_length check (length(name) > 1),
    owner int8 constraint pets_owner references pets (id) deferrable initially deferred,
    born date,
    constraint pets_name unique (name)
  )`.execute(database.query);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const other = (maxConnections: number, acquireTimeoutMs: number, metrics = new Registry()) =>
  createDatabase<Schema>({ url: fixture.url, name: 'other', log, metrics, maxConnections, acquireTimeoutMs });

const names = async () => (await database.query.selectFrom('pets').select('name').orderBy('name').execute()).map(({ name }) => name);
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('should have thrown'),
    (error: unknown) => error,
  );

describe('transaction', () => {
  test('commits what the closure did when it resolves, and gives its result', async () => {
    const result = await database.transaction(async (tx) => {
      await tx.insertInto('pets').values({ id: 1, name: 'commit', owner: null, born: null }).execute();
      return 'done';
    });
    expect(result).toBe('done');
    expect(await names()).toContain('commit');
  });

  test('rolls back when the closure throws, and passes the very error on', async () => {
    const reason = new Error('no');
    const error = await caught(
      database.transaction(async (tx) => {
        await tx.insertInto('pets').values({ id: 2, name: 'rolled back', owner: null, born: null }).execute();
        throw reason;
      }),
    );
    expect(error).toBe(reason);
    expect(await names()).not.toContain('rolled back');
  });

  test('throws when the commit itself fails', async () => {
    const error = await caught(
      database.transaction((tx) => tx.insertInto('pets').values({ id: 3, name: 'orphan', owner: 999, born: null }).execute()),
    );
    expect(foreignKeyViolation(error)).toBe('pets_owner');
    expect(await names()).not.toContain('orphan');
  });

  test('throws when the closure swallowed the error of a statement, as the server then rolls back at commit', async () => {
    const swallowing = database.transaction(async (tx) => {
      await tx.insertInto('pets').values({ id: 4, name: 'lost', owner: null, born: null }).execute();
      await sql`select 1 / 0`.execute(tx).catch(() => {});
    });
    await expect(swallowing).rejects.toThrow();
    expect(await names()).not.toContain('lost');
  });

  test('survives the loss of its connection between two statements with database_unavailable', async () => {
    const error = await caught(
      database.transaction(async (tx) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
        await sql`select pg_terminate_backend(${rows[0]?.pid}, 5000)`.execute(database.query);
        await sql`select 1`.execute(tx);
      }),
    );
    expect(error).toMatchObject({ kind: 'unavailable', code: 'database_unavailable' });
    expect(await database.health()).toMatchObject({ ok: true });
  });
});

describe('constraint violations', () => {
  test('name the constraint, each its own kind alone', async () => {
    await database.query.insertInto('pets').values({ id: 10, name: 'unique', owner: null, born: null }).execute();
    const unique = await caught(database.query.insertInto('pets').values({ id: 11, name: 'unique', owner: null, born: null }).execute());
    const check = await caught(database.query.insertInto('pets').values({ id: 12, name: 'x', owner: null, born: null }).execute());
    expect([uniqueViolation(unique), checkViolation(unique)]).toEqual(['pets_name', undefined]);
    expect([uniqueViolation(check), checkViolation(check)]).toEqual([undefined, 'pets_name_length']);
    expect(uniqueViolation(new Error('other'))).toBeUndefined();
  });
});

describe('values', () => {
  test('int8 reads as number, timestamptz as Date, date and numeric as text', async () => {
    const { rows } =
      await sql`select 9007199254740991::int8 as big, timestamptz '2026-01-02T03:04:05.678Z' as moment, date '2026-01-02' as day, 1.10::numeric as money`.execute(
        database.query,
      );
    expect(rows).toEqual([{ big: 9007199254740991, moment: new Date('2026-01-02T03:04:05.678Z'), day: '2026-01-02', money: '1.10' }]);
  });

  test('an int8 that a number cannot hold is an error, never a wrong number', async () => {
    await expect(sql`select 9007199254740993::int8`.execute(database.query)).rejects.toThrow(RangeError);
  });
});

describe('availability', () => {
  test('a caller that finds no free connection in time gets database_unavailable with a time to retry', async () => {
    await using closing = disposable(other(1, 1_000));
    const error = await closing.database.transaction(() => caught(sql`select 1`.execute(closing.database.query)));
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ kind: 'unavailable', code: 'database_unavailable', retryAfterSeconds: 2 });
  });

  test('a server that refuses connections gives database_unavailable, and health says so', async () => {
    const away = createDatabase<Schema>({ url: 'postgres://nobody@127.0.0.1:1/none', name: 'away', log, metrics: new Registry() });
    await using _ = disposable(away);
    expect(await caught(sql`select 1`.execute(away.query))).toMatchObject({ code: 'database_unavailable' });
    expect(await away.health()).toEqual({ name: 'database', ok: false, detail: expect.stringContaining('ECONNREFUSED') });
  });

  test('an idle connection that the server ends does not end the process, and the next statement gets a new one', async () => {
    await using closing = disposable(other(1, 1_000));
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(closing.database.query);
    await sql`select pg_terminate_backend(${rows[0]?.pid}, 5000)`.execute(database.query);
    await eventually(() => sql`select 1`.execute(closing.database.query));
  });

  test('close leaves no connection behind on the server', async () => {
    const closing = createDatabase<Schema>({ url: fixture.url, name: 'leaving', log, metrics: new Registry() });
    await Promise.all(Array.from({ length: 5 }, () => sql`select pg_sleep(0.01)`.execute(closing.query)));
    await closing.close();
    const onlyHealth = createDatabase<Schema>({ url: fixture.url, name: 'leaving', log, metrics: new Registry() });
    await onlyHealth.health();
    await onlyHealth.close();
    const { rows } = await sql`select from pg_stat_activity where application_name = 'leaving'`.execute(database.query);
    expect(rows).toEqual([]);
  });

  test('an error in a statement is no loss of the database: it passes through as it is', async () => {
    expect(await caught(sql`select nonsense`.execute(database.query))).toBeInstanceOf(pg.DatabaseError);
  });

  test('metrics count busy, idle and waiting, and stop with the database', async () => {
    const metrics = new Registry();
    const counted = other(1, 1_000, metrics);
    const gauge = async () => (await metrics.getMetricsAsJSON())[0]?.values.map(({ labels, value }) => `${labels['state']}=${value}`);
    let waiting: Promise<unknown> | undefined;
    await counted.transaction(async () => {
      waiting = sql`select 1`.execute(counted.query);
      await eventually(async () => expect(await gauge()).toEqual(['busy=1', 'idle=0', 'waiting=1']));
    });
    await waiting;
    expect(await gauge()).toEqual(['busy=0', 'idle=1', 'waiting=0']);
    await counted.close();
    expect(await gauge()).toEqual([]);
  });

  test('a second database on the same registry is counted beside the first', async () => {
    const metrics = new Registry();
    await using _first = disposable(other(1, 1_000, metrics));
    await using _second = disposable(createDatabase({ url: fixture.url, name: 'second', log, metrics }));
    expect(await metrics.metrics()).toMatch(/database="other".*database="second"/s);
  });
});

describe('statement names', () => {
  test('a statement that comes back is prepared once per connection under one name', async () => {
    await using closing = disposable(other(1, 1_000));
    for (let id = 0; id < 6; id++) await closing.database.query.selectFrom('pets').select('name').where('id', '=', id).execute();
    const { rows } = await sql<{ name: string; runs: number }>`
      select name, generic_plans + custom_plans as runs from pg_prepared_statements where statement like 'select "name" from "pets"%'`.execute(
      closing.database.query,
    );
    expect(rows).toEqual([{ name: expect.stringMatching(/^s[\w-]{22}$/), runs: 4 }]);
  });
});

function disposable(opened: Database<Schema>): { database: Database<Schema> } & AsyncDisposable {
  return { database: opened, [Symbol.asyncDispose]: () => opened.close() };
}
